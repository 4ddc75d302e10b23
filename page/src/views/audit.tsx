// The audit log: what happened, when, by whom, and whether its chain is unbroken.
import { useState } from 'preact/hooks';
import type { AuditAnswer } from '../../../src/admin/wire-record.ts';
import { useLive } from '../api/context.ts';
import { useQuery } from '../api/use-query.ts';
import { hrefOf } from '../route.ts';
import { Badge } from '../ui/badge.tsx';
import { Filter, matches } from '../ui/filter.tsx';
import { Empty, Read } from '../ui/states.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { exact } from '../ui/time.ts';
import type { ViewProps } from './catalog.tsx';

type RecordRow = AuditAnswer['records'][number];

export function Audit({ place }: ViewProps) {
  const { pulse } = useLive();
  const last = place.query['last'] === '1000' ? '1000' : '200';
  const all = place.query['all'] === 'yes' ? 'yes' : undefined;
  const search = new URLSearchParams({ last, ...(all === undefined ? {} : { all }) });
  const query = useQuery<AuditAnswer>(`/v1/audit?${search}`, { mark: pulse?.marks.documents, everyMs: 10_000 });
  return (
    <Read query={query} what="the audit log">
      {(answer) => <Shown answer={answer} place={place} last={last} />}
    </Read>
  );
}

function Shown({ answer, place, last }: ViewProps & { readonly answer: AuditAnswer; readonly last: string }) {
  const [filter, setFilter] = useState('');
  const { records } = answer;
  const rows = records.filter((row) =>
    matches(filter, row.event.kind, authorOf(row), detailOf(row), row.time, row.replica),
  );
  const chosen = records.find((row) => keyOf(row) === place.item);
  return (
    <>
      <div class="bar">
        <h1>Audit</h1>
        <Filter
          value={filter}
          onChange={setFilter}
          label="Filter by kind, author or content"
          count={`${rows.length} of ${records.length}`}
        />
      </div>
      <Chain answer={answer} />
      <Routine all={place.query['all'] === 'yes'} last={place.query['last']} />
      {chosen === undefined ? null : <Chosen row={chosen} />}
      {records.length === 0 ? (
        <Empty title="Nothing recorded yet" within>
          <p>Changes, issued certificates, refusals and sign-ins will be here.</p>
        </Empty>
      ) : (
        <Table
          label="Audit log"
          rows={rows}
          columns={columnsOf(records)}
          keyOf={keyOf}
          sortedBy="Time"
          descending
          empty="No record fits the filter."
        />
      )}
      {last === '200' && records.length >= 200 ? (
        <p>
          <a href={hrefOf('audit', undefined, { ...place.query, last: '1000' })}>Show the last 1,000</a>
        </p>
      ) : null}
    </>
  );
}

/** What happens all the time would leave no room for what matters. */
function Routine({ all, last }: { readonly all: boolean; readonly last: string | undefined }) {
  return (
    <p class="quiet">
      {all ? 'With' : 'Without'} what is recorded all the time: issued certificates, hosts that proved themselves,
      sign-ins, checkpoints.{' '}
      <a href={hrefOf('audit', undefined, { last, all: all ? undefined : 'yes' })}>
        {all ? 'Leave it out' : 'Show it'}
      </a>
    </p>
  );
}

/** Whether it is evidence. */
function Chain({
  answer: { intact, brokenAt, what = '', broken = [], silent = [] },
}: {
  readonly answer: AuditAnswer;
}) {
  return (
    <>
      {intact ? (
        <p class="quiet">
          <Badge tone="good">unbroken</Badge> Every record is linked to the one before it.
        </p>
      ) : (
        <div class="notice bad" role="alert">
          <p>
            <strong>The chain is broken.</strong> Records were changed or removed, or the disk lost them. Keep the
            files, and compare them with a copy.
          </p>
          <ul>
            {brokenAt === undefined || broken.length > 0 ? null : <li>{what === '' ? `line ${brokenAt}` : what}</li>}
            {broken.map(({ replica, line, what: found }) => (
              <li key={replica}>
                Replica {replica}: {found ?? `line ${line}`}
              </li>
            ))}
          </ul>
        </div>
      )}
      {silent.length === 0 ? null : (
        <div class="notice warn">
          <p>Records of these control planes are missing, as they do not answer: {silent.join(', ')}</p>
        </div>
      )}
    </>
  );
}

function Chosen({ row }: { readonly row: RecordRow }) {
  return (
    <section class="card" aria-label={`Record ${row.number}`}>
      <h2>
        Record {row.number}: {row.event.kind}
      </h2>
      <dl class="facts">
        <dt>Time</dt>
        <dd>{exact(Date.parse(row.time))}</dd>
        {Object.entries(row.event)
          .filter(([name]) => name !== 'kind')
          .map(([name, value]) => (
            <Fact key={name} name={name} value={value} />
          ))}
        <dt>Hash</dt>
        <dd class="mono">{row.hash}</dd>
      </dl>
      <a href={hrefOf('audit')}>Close</a>
    </section>
  );
}

function Fact({ name, value }: { readonly name: string; readonly value: unknown }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{textOf(value)}</dd>
    </>
  );
}

function columnsOf(records: readonly RecordRow[]): readonly Column<RecordRow>[] {
  const several = records.some(({ replica }) => replica !== undefined);
  return [
    {
      name: 'Time',
      by: ({ time, number }) => `${time} ${String(number).padStart(12, '0')}`,
      cell: ({ time }) => exact(Date.parse(time)),
    },
    {
      name: 'Kind',
      by: ({ event }) => event.kind,
      cell: (row) => <a href={hrefOf('audit', keyOf(row))}>{row.event.kind}</a>,
    },
    { name: 'By', by: authorOf, cell: (row) => authorOf(row) || <span class="quiet">–</span> },
    { name: 'What', cell: (row) => <span title={detailOf(row)}>{detailOf(row)}</span> },
    ...(several
      ? [
          {
            name: 'Replica',
            wideOnly: true as const,
            by: ({ replica = '' }: RecordRow) => replica,
            cell: ({ replica }: RecordRow) => replica,
          },
        ]
      : []),
  ];
}

function keyOf({ number, replica = '' }: RecordRow): string {
  return replica === '' ? String(number) : `${replica}/${number}`;
}

function authorOf({ event }: RecordRow): string {
  return typeof event['author'] === 'string' ? event['author'] : '';
}

function detailOf({ event }: RecordRow): string {
  return Object.entries(event)
    .filter(([name]) => name !== 'kind' && name !== 'author')
    .map(([name, value]) => `${name} ${textOf(value)}`)
    .join(', ');
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(textOf).join(', ');
  return JSON.stringify(value) ?? '';
}
