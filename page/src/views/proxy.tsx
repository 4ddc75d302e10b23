// One proxy: what it was sent and accepted, what it rejected and the line that made it, its application, its certificate.
import type { ProxiesAnswer, ProxyRow } from '../../../src/admin/wire-proxies.ts';
import { useLive } from '../api/context.ts';
import { useQuery } from '../api/use-query.ts';
import { hrefOf } from '../route.ts';
import { Empty, Read } from '../ui/states.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { useNow, When } from '../ui/when.tsx';
import { applicationFacts, applicationTroubles } from './applications.ts';
import type { ViewProps } from './catalog.tsx';
import { DocumentLink } from './document-link.tsx';
import { Application, Config, Ends, State, useBehind } from './proxy-table.tsx';

type Type = ProxyRow['types'][number];

export function ProxyView({ place: { item = '' } }: ViewProps) {
  const { pulse } = useLive();
  const query = useQuery<ProxiesAnswer>('/v1/proxies', { mark: pulse?.marks.proxies, everyMs: 5000 });
  return (
    <Read query={query} what={`the proxy ${item}`}>
      {({ proxies }) => {
        const row = proxies.find(({ node }) => node === item);
        if (row !== undefined) return <Found row={row} />;
        return (
          <Empty title="No such proxy">
            <p>
              <span class="mono">{item}</span> is not known: it never came, or left long ago.{' '}
              <a href={hrefOf('proxies')}>All proxies</a>.
            </p>
          </Empty>
        );
      }}
    </Read>
  );
}

function Found({ row }: { readonly row: ProxyRow }) {
  const behind = useBehind();
  const now = useNow();
  return (
    <>
      <h1>{row.node}</h1>
      <Troubles row={row} />
      <dl class="facts">
        <dt>State</dt>
        <dd>
          <State row={row} /> since <When at={row.since} now={now} />
        </dd>
        <dt>Configuration</dt>
        <dd>
          <Config row={row} behind={behind} />
        </dd>
        <dt>Application</dt>
        <dd>
          <Application row={row} />
          {applicationFacts(row).map(({ port, places }) => (
            <div key={port ?? ''}>
              {port === undefined ? null : `${port}: `}
              <span class="mono">{places}</span>
            </div>
          ))}
        </dd>
        <dt>Certificate ends</dt>
        <dd>
          <Ends at={row.certificate?.notAfter} now={now} />
          {row.certificate === undefined ? null : <span class="quiet mono"> serial {row.certificate.serial}</span>}
        </dd>
        <dt>Key</dt>
        <dd>{row.keys === 'local' ? 'made by the helper beside it, which keeps it' : 'made by the control plane'}</dd>
        <dt>Service</dt>
        <dd>
          {row.service === undefined ? (
            'none: no document names its identity'
          ) : (
            <a href={hrefOf('services', row.service)}>{row.service}</a>
          )}
        </dd>
        <dt>Listens on</dt>
        <dd>{row.inbound === undefined ? 'not known' : `${row.inbound.address}:${row.inbound.port}`}</dd>
        <Optional name="Replica" value={row.replica} />
        <Optional name="Envoy" value={row.userAgent} />
        <Optional
          name="Its clock"
          value={row.clockOffsetMs === undefined ? undefined : `${row.clockOffsetMs} ms from the control plane's`}
        />
      </dl>
      <h2>What it was sent</h2>
      <Table
        label="What it was sent"
        rows={row.types}
        columns={typeColumns}
        keyOf={({ typeUrl }) => typeUrl}
        sortedBy="Kind"
        empty="Nothing yet."
      />
    </>
  );
}

function Optional({ name, value }: { readonly name: string; readonly value: string | undefined }) {
  if (value === undefined) return null;
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  );
}

const typeColumns: readonly Column<Type>[] = [
  { name: 'Kind', by: kindOf, cell: (row) => <span title={row.typeUrl}>{kindOf(row)}</span> },
  {
    name: 'Sent',
    figures: true,
    by: ({ sentRevision = -1 }) => sentRevision,
    cell: ({ sentRevision }) => sentRevision ?? '–',
  },
  {
    name: 'Accepted',
    figures: true,
    by: ({ ackedRevision = -1 }) => ackedRevision,
    cell: ({ ackedRevision }) => ackedRevision ?? '–',
  },
  {
    name: 'Rejected',
    figures: true,
    by: ({ nack }) => nack?.revision ?? -1,
    cell: ({ nack }) => nack?.revision ?? '–',
  },
];

/** `type.googleapis.com/envoy.config.listener.v3.Listener` → `Listener`. */
function kindOf({ typeUrl }: Type): string {
  return typeUrl.split('.').at(-1) ?? typeUrl;
}

/** What keeps it from doing what it should, with the documents that made it. */
function Troubles({ row }: { readonly row: ProxyRow }) {
  const now = useNow(5000);
  const { outdated, withheld, notRegistered, contested, takenPorts = [] } = row;
  const sentences = [
    ...(outdated === undefined ? [] : [outdated]),
    ...(withheld === undefined ? [] : [`What is in force was kept back: ${withheld}`]),
    ...(notRegistered === undefined ? [] : [`Callers are not sent to it: ${notRegistered}`]),
    ...takenPorts.map(({ address, port, holder }) => `It cannot listen on ${address}:${port}: ${holder} does.`),
    ...applicationTroubles(row),
  ];
  const nacks = row.types.filter(({ nack }) => nack !== undefined);
  return (
    <>
      {sentences.map((text) => (
        <div class="notice bad" key={text}>
          <p>{text}</p>
        </div>
      ))}
      {contested === undefined ? null : (
        <div class="notice warn">
          <p>
            Another proxy at {contested.peer} claimed this name <When at={contested.at} now={now} />, and was refused.
          </p>
        </div>
      )}
      {nacks.map((type) => (
        <Nack type={type} key={type.typeUrl} />
      ))}
    </>
  );
}

function Nack({ type }: { readonly type: Type }) {
  if (type.nack === undefined) return null;
  const { revision, message, resources } = type.nack;
  return (
    <div class="notice bad">
      <p>
        It rejected revision {revision} of its {kindOf(type)} resources, and keeps what it had before:
      </p>
      <pre>{message}</pre>
      <ul>
        {resources.map(({ name, madeBy }) => (
          <li key={name}>
            <span class="mono">{name}</span>
            {madeBy.length === 0 ? null : ', made by '}
            {madeBy.map((place, index) => (
              <span key={`${place.document} ${place.path}`}>
                {index === 0 ? '' : ', '}
                <DocumentLink document={place.document} source={place.source} path={place.path} />
              </span>
            ))}
          </li>
        ))}
      </ul>
    </div>
  );
}
