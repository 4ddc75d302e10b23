// How the calls of each caller went.
import type { EdgeRow } from '../../../src/admin/wire-signals.ts';
import { callerName } from '../map/words.ts';
import { type Column, Table } from '../ui/table.tsx';
import { callsOf } from './lines.ts';

export function CallerTable({ service, rows }: { readonly service: string; readonly rows: readonly EdgeRow[] }) {
  return (
    <Table
      label={`Calls of ${service} by caller`}
      rows={rows}
      columns={columns}
      keyOf={({ port, caller, principal, peer, token }) => JSON.stringify([port, caller, principal, peer, token])}
      sortedBy="Calls"
      descending
      empty="Nobody called it in that time."
    />
  );
}

const columns: readonly Column<EdgeRow>[] = [
  { name: 'Caller', by: nameOf, cell: (row) => <span title={row.principal}>{nameOf(row)}</span> },
  { name: 'Port', wideOnly: true, by: ({ port = '' }) => port, cell: ({ port }) => port ?? 'default' },
  { name: 'Calls', figures: true, by: callsOf, cell: (row) => figure(callsOf(row)) },
  {
    name: 'Refused',
    figures: true,
    by: ({ inbound }) => inbound?.denied ?? 0,
    cell: ({ inbound }) => figure(inbound?.denied),
  },
  {
    name: 'Failed',
    figures: true,
    by: failedOf,
    cell: (row) => <span title={flagsOf(row)}>{figure(failedOf(row))}</span>,
  },
  {
    name: '5xx',
    figures: true,
    by: (row) => sideOf(row)?.classes['5xx'] ?? 0,
    cell: (row) => figure(sideOf(row)?.classes['5xx']),
  },
  {
    name: 'p50',
    figures: true,
    by: (row) => sideOf(row)?.latency?.p50 ?? -1,
    cell: (row) => ms(sideOf(row)?.latency?.p50),
  },
  {
    name: 'p99',
    figures: true,
    by: (row) => sideOf(row)?.latency?.p99 ?? -1,
    cell: (row) => ms(sideOf(row)?.latency?.p99),
  },
  {
    name: 'TLS',
    wideOnly: true,
    cell: ({ inbound }) =>
      Object.keys(inbound?.tls ?? {})
        .map((version) => (version === 'none' ? 'plaintext' : version))
        .join(', ') || '–',
  },
  {
    name: "Envoy's flags",
    wideOnly: true,
    cell: (row) => (flagsOf(row) === '' ? '–' : <span title={flagsOf(row)}>{flagsOf(row)}</span>),
  },
];

/** Of an external service only the caller's proxy tells. */
function sideOf({ inbound, callerSide }: EdgeRow): EdgeRow['inbound'] | EdgeRow['callerSide'] {
  return inbound ?? callerSide;
}

function nameOf({ callerService, principal, peer, caller }: EdgeRow): string {
  return callerService ?? principal ?? (peer === undefined ? callerName(caller) : `${peer} (${caller})`);
}

/** Also those that never reached the proxy of the service. */
function failedOf({ inbound, outbound }: EdgeRow): number {
  return (inbound?.failed ?? 0) + (outbound?.failed ?? 0);
}

function flagsOf({ inbound, outbound }: EdgeRow): string {
  const sums = new Map<string, number>();
  for (const [flag, count] of [...Object.entries(inbound?.flags ?? {}), ...Object.entries(outbound?.flags ?? {})]) {
    sums.set(flag, (sums.get(flag) ?? 0) + count);
  }
  return [...sums].map(([flag, count]) => `${flag} ${count.toLocaleString('en')}`).join(', ');
}

function figure(count = 0): string {
  return count === 0 ? '–' : count.toLocaleString('en');
}

function ms(value: number | undefined): string {
  return value === undefined ? '–' : `${value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString('en')} ms`;
}
