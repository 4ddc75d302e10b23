// How the calls of a service went: figures, plots, and each caller.
import { useMemo } from 'preact/hooks';
import type { EdgeRow, SignalsAnswer } from '../../../src/admin/wire-signals.ts';
import { useQuery } from '../api/use-query.ts';
import { callerName } from '../map/words.ts';
import { Badge } from '../ui/badge.tsx';
import { Read } from '../ui/states.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { type Line, Plot } from './plot.tsx';

export function Signals({ service }: { readonly service: string }) {
  const search = new URLSearchParams({ service, since: '1h', series: 'true' });
  const query = useQuery<SignalsAnswer>(`/v1/signals?${search}`, { everyMs: 10_000 });
  return (
    <>
      <h2>How its calls went, within the last hour</h2>
      <Read query={query} what="how its calls went">
        {(answer) => <Shown answer={answer} service={service} />}
      </Read>
    </>
  );
}

function Shown({ answer, service }: { readonly answer: SignalsAnswer; readonly service: string }) {
  const { times, counts, latency } = useMemo(() => linesOf(answer), [answer]);
  const unknown = answer.services.find((one) => one.service === service)?.unknown ?? [];
  return (
    <>
      {unknown.length === 0 ? null : (
        <p class="quiet">
          <Badge tone="warn">incomplete</Badge> Calls may be missing: a proxy was away, or reported less than it counted ({unknown.length}{' '}
          {unknown.length === 1 ? 'time' : 'times'}).
        </p>
      )}
      {times.length === 0 ? (
        <p class="quiet">No call within the last hour.</p>
      ) : (
        <div class="columns">
          <Plot label={`Calls of ${service} a ${answer.step}`} unit="" times={times} lines={counts} />
          {latency.length === 0 ? null : <Plot label={`Latency of ${service}`} unit="ms" times={times} lines={latency} />}
        </div>
      )}
      <Table
        label={`Calls of ${service} by caller`}
        rows={answer.edges.filter(({ inbound, outbound }) => inbound !== undefined || outbound !== undefined)}
        columns={columns}
        keyOf={keyOf}
        sortedBy="Calls"
        descending
        empty="Nobody called it within the last hour."
      />
    </>
  );
}

function keyOf({ service, port, caller, principal, peer, token }: EdgeRow): string {
  return JSON.stringify([service, port, caller, principal, peer, token]);
}

function nameOf({ callerService, principal, peer, caller }: EdgeRow): string {
  return callerService ?? principal ?? (peer === undefined ? callerName(caller) : `${peer} (${caller})`);
}

const columns: readonly Column<EdgeRow>[] = [
  { name: 'Caller', by: nameOf, cell: (row) => <span title={row.principal}>{nameOf(row)}</span> },
  { name: 'Calls', figures: true, by: ({ inbound }) => inbound?.calls ?? 0, cell: ({ inbound }) => figure(inbound?.calls) },
  { name: 'Refused', figures: true, by: ({ inbound }) => inbound?.denied ?? 0, cell: ({ inbound }) => figure(inbound?.denied) },
  {
    name: 'Failed',
    figures: true,
    by: (row) => failedOf(row),
    cell: (row) => <span title={flagsOf(row)}>{figure(failedOf(row))}</span>,
  },
  { name: '5xx', figures: true, by: ({ inbound }) => inbound?.classes['5xx'] ?? 0, cell: ({ inbound }) => figure(inbound?.classes['5xx']) },
  { name: 'p50', figures: true, by: ({ inbound }) => inbound?.latency?.p50 ?? -1, cell: ({ inbound }) => ms(inbound?.latency?.p50) },
  { name: 'p99', figures: true, by: ({ inbound }) => inbound?.latency?.p99 ?? -1, cell: ({ inbound }) => ms(inbound?.latency?.p99) },
  { name: 'TLS', wideOnly: true, cell: ({ inbound }) => Object.keys(inbound?.tls ?? {}).join(', ') },
  { name: 'Flags', wideOnly: true, cell: (row) => flagsOf(row) },
];

/** Also those that never reached the proxy of the service. */
function failedOf({ inbound, outbound }: EdgeRow): number {
  return (inbound?.failed ?? 0) + (outbound?.failed ?? 0);
}

function flagsOf({ inbound, outbound }: EdgeRow): string {
  return Object.entries({ ...inbound?.flags, ...outbound?.flags })
    .map(([flag, count]) => `${flag} ${count}`)
    .join(', ');
}

function figure(count = 0): string {
  return count === 0 ? '–' : count.toLocaleString('en');
}

function ms(value: number | undefined): string {
  return value === undefined ? '–' : `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}

/** Of all callers together; of latencies the worst. */
function linesOf({ edges }: SignalsAnswer) {
  const all = new Map<number, { calls: number; denied: number; failed: number; p50?: number; p99?: number }>();
  for (const series of edges.flatMap(({ inbound, outbound }) => [...(inbound?.series ?? []), ...(outbound?.series ?? [])])) {
    const { at, calls, denied, failed, p50, p99 } = series;
    const sum = all.get(at) ?? { calls: 0, denied: 0, failed: 0 };
    all.set(at, sum);
    sum.calls += calls;
    sum.denied += denied;
    sum.failed += failed;
    if (p50 !== undefined) sum.p50 = Math.max(p50, sum.p50 ?? 0);
    if (p99 !== undefined) sum.p99 = Math.max(p99, sum.p99 ?? 0);
  }
  const sorted = [...all].sort(([a], [b]) => a - b);
  const line = (label: string, colour: string, of: (sum: (typeof sorted)[number][1]) => number | undefined): Line => ({
    ...{ label, colour, values: sorted.map(([, sum]) => of(sum)) },
  });
  const counts = [
    line('Calls', '--accent', ({ calls }) => calls),
    { ...line('Failed', '--warn', ({ failed }) => failed), dash: [8, 4] },
    { ...line('Refused', '--bad', ({ denied }) => denied), dash: [2, 3] },
  ];
  const latency = [line('p50', '--good', ({ p50 }) => p50), { ...line('p99', '--info', ({ p99 }) => p99), dash: [6, 3] }];
  const any = latency.some(({ values }) => values.some((value) => value !== undefined));
  return { times: sorted.map(([at]) => at), counts, latency: any ? latency : [] };
}
