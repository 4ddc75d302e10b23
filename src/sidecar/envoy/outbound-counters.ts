// Maps Envoy's statistics of the dependencies' listeners and clusters to counts of calls. Pure. Envoy 1.40 names them after the prefixes
// that it is given (`outbound:<port>`), with "_" for ":"; no key of a port has a "_".
import type { AllOutboundCounts, OutboundCounts } from '../../lib/outbound-counts.ts';

/** For Envoy's admin interface. RE2, as it requires. */
export const outboundQuery = `/stats?usedonly&filter=${encodeURIComponent(
  [
    '^http\\.outbound_[^.]+\\.downstream_(rq_[1-5]xx|cx_[rt]x_bytes_total)$',
    '^tcp\\.outbound_[^.]+\\.downstream_cx_(total|[rt]x_bytes_total)$',
    '^cluster\\.outbound_[^.]+\\.ssl\\.curves\\..+$',
  ].join('|'),
)}`;

/** Histograms, which Envoy brings up to date once a minute (`stats_flush_interval`). */
export const timesQuery = `/stats?usedonly&format=json&histogram_buckets=detailed&filter=${encodeURIComponent(
  '^http\\.outbound_[^.]+\\.downstream_rq_time$',
)}`;

/** So many dependencies that were called; those with most calls. */
const maxTargets = 128;
/** Of what a report may be long, with counts of 300 characters a dependency. */
const maxTookChars = 16_384;
const maxPairs = 64;

interface Counting {
  readonly classes: number[];
  connections: number;
  received: number;
  sent: number;
  readonly groups: Map<string, number>;
}

/** `times`: the answer to `timesQuery`, if it was asked. */
export function readOutbound(text: string, times?: string): AllOutboundCounts {
  const found = new Map<string, Counting>();
  for (const line of text.split('\n')) {
    const [, name = '', stat = '', count = ''] =
      /^(?:http|tcp|cluster)\.outbound_([a-z0-9/_-]{1,192})\.([^:]+): (\d{1,15})$/.exec(line) ?? [];
    if (name === '') continue;
    const target = targetOf(name);
    const one = found.get(target) ?? {
      classes: [0, 0, 0, 0, 0],
      connections: 0,
      received: 0,
      sent: 0,
      groups: new Map(),
    };
    found.set(target, one);
    add(one, stat, Number(count), line.startsWith('tcp.'));
  }
  const took = times === undefined ? undefined : timesIn(times);
  const called = [...found].filter(([, one]) => callsOf(one) > 0).toSorted(([, a], [, b]) => callsOf(b) - callsOf(a));
  let room = maxTookChars;
  return Object.fromEntries(
    called.slice(0, maxTargets).map(([target, { groups, ...one }]): [string, OutboundCounts] => {
      const own = took?.get(target);
      room -= own === undefined ? 0 : JSON.stringify(own).length;
      return [
        target,
        { ...one, groups: Object.fromEntries(groups), ...(own === undefined || room < 0 ? {} : { took: own }) },
      ];
    }),
  );
}

function add(to: Counting, stat: string, count: number, tcp: boolean): void {
  const [, digit] = /^downstream_rq_([1-5])xx$/.exec(stat) ?? [];
  const [, group] = /^ssl\.curves\.([A-Za-z0-9_-]{1,40})$/.exec(stat) ?? [];
  if (digit !== undefined) to.classes[Number(digit) - 1] = count;
  else if (group !== undefined) to.groups.set(group, count);
  else if (stat === 'downstream_cx_rx_bytes_total') to.received = count;
  else if (stat === 'downstream_cx_tx_bytes_total') to.sent = count;
  else if (stat === 'downstream_cx_total' && tcp) to.connections = count;
}

function callsOf({ classes, connections }: Counting): number {
  return classes.reduce((sum, count) => sum + count, connections);
}

function targetOf(name: string): string {
  return name.replaceAll('_', ':');
}

/** Buckets of 10 % at most; nothing of what is not of the form. */
function timesIn(text: string): ReadonlyMap<string, readonly number[]> {
  const found = new Map<string, readonly number[]>();
  for (const stat of listIn(fieldOf(parsed(text), 'stats'))) {
    for (const one of listIn(fieldOf(fieldOf(stat, 'histograms'), 'details'))) {
      const name = /^http\.outbound_([a-z0-9/_-]{1,192})\.downstream_rq_time$/.exec(String(fieldOf(one, 'name')))?.[1];
      if (name === undefined) continue;
      const pairs = listIn(fieldOf(one, 'totals')).slice(0, maxPairs).flatMap(pairOf);
      if (pairs.length > 0) found.set(targetOf(name), pairs);
    }
  }
  return found;
}

function pairOf(bucket: unknown): readonly number[] {
  const [from, width, count] = ['lower_bound', 'width', 'count'].map((name) => fieldOf(bucket, name));
  if (typeof from !== 'number' || typeof width !== 'number' || typeof count !== 'number') return [];
  return [Number((from + width / 2).toPrecision(3)), Math.round(count)];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : undefined;
}

function listIn(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
