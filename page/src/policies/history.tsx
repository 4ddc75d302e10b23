// What was changed, by whom and why, and the way back.
import { useState } from 'preact/hooks';
import type { ApplyAnswer, ErrorBody } from '../../../src/admin/wire.ts';
import type { HistoryAnswer } from '../../../src/admin/wire-record.ts';
import { errorBody } from '../api/call.ts';
import { mayEdit, useLive } from '../api/context.ts';
import { useQuery } from '../api/use-query.ts';
import { Failed, Read } from '../ui/states.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { useNow, When } from '../ui/when.tsx';
import { ChangePanel } from './change-panel.tsx';
import { Diff } from './diff.tsx';
import { Problems } from './problems.tsx';

type Revision = HistoryAnswer['revisions'][number];

export function History() {
  const { pulse, who, post } = useLive();
  const now = useNow(5000);
  const query = useQuery<HistoryAnswer>('/v1/history', { mark: pulse?.marks.documents });
  const [back, setBack] = useState<{
    readonly to: number;
    readonly answer?: ApplyAnswer;
    readonly error?: ErrorBody;
  }>();
  const ask = async (to: number): Promise<void> => {
    try {
      setBack({ to, answer: await post<ApplyAnswer>('/v1/rollback', { to, dryRun: true }) });
    } catch (reason) {
      setBack({ to, error: errorBody(reason) });
    }
  };
  const columns: readonly Column<Revision>[] = [
    { name: 'Revision', figures: true, by: ({ revision }) => revision, cell: ({ revision }) => revision },
    { name: 'When', by: ({ at }) => at, cell: ({ at }) => <When at={at} now={now} /> },
    {
      name: 'By',
      by: ({ author = '' }) => author,
      cell: ({ author, kind }) => author ?? (kind === 'outside' ? 'outside' : '–'),
    },
    { name: 'What', cell: (row) => <span title={whatOf(row)}>{whatOf(row)}</span> },
    {
      name: 'Why',
      wideOnly: true,
      cell: ({ reason }) => <span title={reason}>{reason ?? <span class="quiet">–</span>}</span>,
    },
    ...(mayEdit(who)
      ? [
          {
            name: 'Back',
            cell: ({ revision }: Revision) =>
              query.kind === 'ready' && revision < query.value.revision ? (
                <Back verb={`Go back to revision ${revision}`} onClick={() => void ask(revision)} />
              ) : (
                <Back verb={`Undo revision ${revision}`} onClick={() => void ask(revision - 1)} />
              ),
          },
        ]
      : []),
  ];
  return (
    <>
      <h2>History</h2>
      {back === undefined ? null : (
        <section class="card" aria-label={`Back to revision ${back.to}`}>
          <h3>Back to revision {back.to}</h3>
          {back.error === undefined ? null : <Failed error={back.error} />}
          {back.error?.problems === undefined ? null : <Problems problems={back.error.problems} />}
          {back.answer === undefined ? null : (
            <>
              <Diff differences={back.answer.differences ?? []} />
              <ChangePanel path="/v1/rollback" body={{ to: back.to }} verb={`Go back to revision ${back.to}`} />
            </>
          )}
          <button type="button" onClick={() => setBack(undefined)}>
            Close
          </button>
        </section>
      )}
      <Read query={query} what="the history">
        {({ revisions }) => (
          <Table
            label="History"
            rows={revisions}
            columns={columns}
            keyOf={({ revision }) => String(revision)}
            sortedBy="Revision"
            descending
            empty="Nothing was changed yet."
          />
        )}
      </Read>
    </>
  );
}

function Back({ verb, onClick }: { readonly verb: string; readonly onClick: () => void }) {
  return (
    <button type="button" class="link" onClick={onClick}>
      {verb}
    </button>
  );
}

function whatOf({ kind, to, changed, forced }: Revision): string {
  const what = changed.map(({ key, op }) => `${op} ${key}`).join(', ');
  const force = forced === undefined ? '' : ` (forced: ${forced.join(', ')})`;
  return kind === 'rollback' ? `back to ${to ?? '?'}: ${what}${force}` : `${what}${force}`;
}
