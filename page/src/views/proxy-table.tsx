// Proxies as a table.
import { rolloutOf } from '../../../src/admin/page/pulse.ts';
import type { ProxyRow } from '../../../src/admin/wire-proxies.ts';
import { useLive } from '../api/context.ts';
import { hrefOf } from '../route.ts';
import { Badge, type Tone } from '../ui/badge.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { useNow, When } from '../ui/when.tsx';

export interface ProxyTableProps {
  readonly proxies: readonly ProxyRow[];
  readonly label: string;
  readonly empty: string;
  /** Also which service each is of. */
  readonly services?: true;
}

export function ProxyTable({ proxies, label, empty, services }: ProxyTableProps) {
  const now = useNow(5000);
  const behind = useBehind();
  const columns: readonly Column<ProxyRow>[] = [
    { name: 'Proxy', by: nameOf, cell: (row) => <a href={hrefOf('proxies', row.node)}>{nameOf(row)}</a> },
    ...(services === true ? [{ name: 'Service', by: ({ service = '' }: ProxyRow) => service, cell: serviceCell }] : []),
    { name: 'State', wideOnly: true, by: ({ state }) => states.indexOf(state), cell: (row) => <State row={row} /> },
    {
      name: 'Configuration',
      by: (row) => rolloutWords[configOf(row, behind)].order,
      cell: (row) => <Config row={row} behind={behind} />,
    },
    {
      name: 'Revision',
      figures: true,
      wideOnly: true,
      by: revisionOf,
      cell: (row) => <span title="The last one that it accepted something of">{revisionOf(row) || '–'}</span>,
    },
    { name: 'Application', by: (row) => applicationOf(row).words, cell: (row) => <Application row={row} /> },
    {
      name: 'Certificate ends',
      by: ({ certificate }) => certificate?.notAfter ?? 0,
      cell: ({ certificate }) => <Ends at={certificate?.notAfter} now={now} />,
    },
    { name: 'Since', wideOnly: true, by: ({ since }) => since, cell: ({ since }) => <When at={since} now={now} /> },
    ...(proxies.some(({ replica }) => replica !== undefined)
      ? [
          {
            name: 'Replica',
            wideOnly: true as const,
            by: ({ replica = '' }: ProxyRow) => replica,
            cell: ({ replica }: ProxyRow) => replica ?? '–',
          },
        ]
      : []),
  ];
  return (
    <Table
      label={label}
      rows={proxies}
      columns={columns}
      keyOf={({ node }) => node}
      sortedBy="Configuration"
      empty={empty}
    />
  );
}

/** 0: it has accepted nothing yet. */
function revisionOf({ types }: ProxyRow): number {
  return types.reduce((last, { ackedRevision = 0 }) => Math.max(last, ackedRevision), 0);
}

const states = ['connected', 'held', 'gone'] as const;
const stateWords: Readonly<Record<ProxyRow['state'], { readonly tone: Tone; readonly means: string }>> = {
  connected: { tone: 'good', means: 'its stream is open' },
  held: { tone: 'warn', means: 'its stream closed a moment ago: callers are still sent to it' },
  gone: { tone: 'quiet', means: 'its stream is closed' },
};

export type Configured = 'rejected' | 'pending' | 'accepted' | 'outdated' | 'gone';

const rolloutWords: Readonly<
  Record<Configured, { readonly order: number; readonly tone: Tone; readonly means: string }>
> = {
  rejected: { order: 0, tone: 'bad', means: 'it keeps what it had before' },
  outdated: { order: 1, tone: 'bad', means: 'its Envoy is too old, and is sent nothing' },
  pending: { order: 2, tone: 'warn', means: 'it has not accepted yet what is in force' },
  accepted: { order: 3, tone: 'good', means: 'it has accepted what is in force' },
  gone: { order: 4, tone: 'quiet', means: 'what it enforces now is not known' },
};

/** Documents are in force that the proxies were not sent yet. */
export function useBehind(): boolean {
  const { pulse } = useLive();
  return pulse?.revision !== undefined && pulse.published !== undefined && pulse.published < pulse.revision;
}

export function configOf(row: ProxyRow, behind: boolean): Configured {
  if (row.state !== 'connected') return 'gone';
  if (row.outdated !== undefined) return 'outdated';
  const { types, withheld } = row;
  return withheld !== undefined || types.some(({ nack }) => nack !== undefined)
    ? 'rejected'
    : rolloutOf({ types: types.map(asStatus) }, behind);
}

/** An absent field is absent there. */
function asStatus({ typeUrl, sentRevision, ackedRevision }: ProxyRow['types'][number]) {
  return {
    typeUrl,
    ...(sentRevision === undefined ? {} : { sentRevision }),
    ...(ackedRevision === undefined ? {} : { ackedRevision }),
  };
}

/** Without the identity, which its service has; the whole of it for one that has none. */
function nameOf({ node, service }: ProxyRow): string {
  return service === undefined ? node : (node.split('~').at(-1) ?? node);
}

function serviceCell({ service }: ProxyRow) {
  return service === undefined ? <span class="quiet">none</span> : <a href={hrefOf('services', service)}>{service}</a>;
}

export function State({ row: { state } }: { readonly row: ProxyRow }) {
  const { tone, means } = stateWords[state];
  return (
    <span title={means}>
      <Badge tone={tone}>{state}</Badge>
    </span>
  );
}

export function Config({ row, behind }: { readonly row: ProxyRow; readonly behind: boolean }) {
  const state = configOf(row, behind);
  const { tone, means } = rolloutWords[state];
  return (
    <span title={means}>
      <Badge tone={tone}>{state === 'gone' ? 'unknown' : state}</Badge>
    </span>
  );
}

export function Application({ row }: { readonly row: ProxyRow }) {
  const { tone, words } = applicationOf(row);
  return tone === 'quiet' ? <span class="quiet">{words}</span> : <Badge tone={tone}>{words}</Badge>;
}

/** Of all its ports, the worst. */
function applicationOf({ state, applicationState, ports = [] }: ProxyRow): {
  readonly tone: Tone;
  readonly words: string;
} {
  if (state === 'gone') return { tone: 'quiet', words: 'unknown' };
  const all = [applicationState, ...ports.map((port) => port.applicationState)].filter((one) => one !== undefined);
  if (all.length === 0) return { tone: 'quiet', words: 'not reported' };
  if (all.some(({ answers }) => !answers)) return { tone: 'bad', words: 'does not answer' };
  return all.some(({ around }) => around.length > 0)
    ? { tone: 'warn', words: 'open around the proxy' }
    : { tone: 'good', words: 'answers' };
}

const soonMs = 10 * 60_000;

/** How long a certificate is still good. */
export function Ends({ at, now }: { readonly at: number | undefined; readonly now: number }) {
  if (at === undefined) return <span class="quiet">none known</span>;
  if (at <= now) return <Badge tone="bad">ended</Badge>;
  return at - now < soonMs ? (
    <Badge tone="warn">
      <When at={at} now={now} />
    </Badge>
  ) : (
    <When at={at} now={now} />
  );
}
