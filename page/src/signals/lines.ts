// The lines of a service's plots, of all callers together. Pure.
import type { EdgeRow, SignalsAnswer } from '../../../src/admin/wire-signals.ts';
import { beginOf, endOf } from '../../../src/signals/period.ts';

export interface Line {
  readonly label: string;
  /** A custom property of the style sheet. */
  readonly colour: string;
  readonly dash?: readonly number[];
  /** Undefined: there is none at that time. */
  readonly values: readonly (number | undefined)[];
}

export interface Lines {
  /** Begin of each period, epoch milliseconds. Empty: nobody called. */
  readonly times: readonly number[];
  readonly counts: readonly Line[];
  /** Empty: no call was timed. */
  readonly latency: readonly Line[];
}

interface Sum {
  calls: number;
  denied: number;
  failed: number;
  errors: number;
  p50?: number;
  p99?: number;
}

const maxTimes = 400;

/** Each period once, those without calls as 0; of latencies the worst of all callers. */
export function linesOf({ edges, since, until, step }: SignalsAnswer): Lines {
  const sums = new Map<number, Sum>();
  for (const one of edges.flatMap(seriesOf)) {
    const sum = sums.get(one.at) ?? { calls: 0, denied: 0, failed: 0, errors: 0 };
    sums.set(one.at, sum);
    sum.calls += one.calls;
    sum.denied += one.denied;
    sum.failed += one.failed;
    sum.errors += one.errors;
    if (one.p50 !== undefined) sum.p50 = Math.max(one.p50, sum.p50 ?? 0);
    if (one.p99 !== undefined) sum.p99 = Math.max(one.p99, sum.p99 ?? 0);
  }
  if (sums.size === 0) return { times: [], counts: [], latency: [] };
  const times: number[] = [];
  for (let at = beginOf(step, since); at <= until && times.length < maxTimes; at = endOf(step, at)) times.push(at);
  const line = (of: (sum: Sum) => number | undefined, none?: number) =>
    times.map((at) => {
      const sum = sums.get(at);
      return sum === undefined ? none : of(sum);
    });
  const p50 = line((sum) => sum.p50);
  return {
    times,
    counts: [
      { label: 'Calls', colour: '--accent', values: line(({ calls }) => calls, 0) },
      { label: 'Failed', colour: '--warn', dash: [8, 4], values: line(({ failed }) => failed, 0) },
      { label: '5xx', colour: '--info', dash: [4, 3], values: line(({ errors }) => errors, 0) },
      { label: 'Refused', colour: '--bad', dash: [2, 3], values: line(({ denied }) => denied, 0) },
    ],
    latency: p50.every((value) => value === undefined)
      ? []
      : [
          { label: 'p50', colour: '--good', values: p50 },
          { label: 'p99', colour: '--info', dash: [6, 3], values: line((sum) => sum.p99) },
        ],
  };
}

/** From both sides: what the caller's proxy answered itself never came to the other; where that one tells nothing, the caller's counts. */
function seriesOf({ inbound, outbound, callerSide }: EdgeRow) {
  const own = outbound?.series ?? [];
  if (inbound !== undefined || callerSide?.series === undefined) return [...(inbound?.series ?? []), ...own];
  return [...callerSide.series, ...own.map((one) => ({ ...one, calls: 0 }))];
}

/** Also those that never reached the proxy of the service. */
export function callsOf({ inbound, outbound, callerSide }: EdgeRow): number {
  return inbound === undefined && callerSide !== undefined
    ? callerSide.calls
    : (inbound?.calls ?? 0) + (outbound?.calls ?? 0);
}

export interface Share {
  readonly name: string;
  readonly count: number;
  /** Of all, 0 to 1. */
  readonly part: number;
}

/** The largest first. */
export function sharesOf(counts: Readonly<Record<string, number>>): readonly Share[] {
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => ({ name, count, part: count / all }))
    .sort((a, b) => b.count - a.count);
}

/** Never rounded up to all, or down to none, of what is not. */
export function percent(part: number): string {
  if (part > 0 && part < 0.001) return 'under 0.1 %';
  if (part < 1 && part > 0.999) return 'over 99.9 %';
  return `${Number((part * 100).toFixed(part < 0.1 || part > 0.9 ? 1 : 0))} %`;
}
