// What the plots and figures of a service are made from.
import { describe, expect, it } from 'vitest';
import { linesOf, percent, sharesOf } from '../../page/src/signals/lines.ts';
import type { EdgeRow, SignalsAnswer } from '../../src/admin/wire-signals.ts';

const minute = 60_000;
type Side = NonNullable<EdgeRow['inbound']>;

function side(series: NonNullable<Side['series']>): Side {
  const none = { none: 0, '1xx': 0, '2xx': 0, '3xx': 0, '4xx': 0, '5xx': 0 };
  return {
    calls: 0,
    denied: 0,
    failed: 0,
    classes: none,
    flags: {},
    tls: {},
    received: 0,
    sent: 0,
    lastSeen: 0,
    series,
  };
}

function answer(...edges: readonly Pick<EdgeRow, 'inbound' | 'outbound' | 'callerSide'>[]): SignalsAnswer {
  return {
    ...{ since: 2 * minute, until: 5 * minute + 1, step: 'minute', relativeError: 0.02, edgeCount: 1, services: [] },
    edges: edges.map((edge) => ({ service: 'api', caller: 'mtls', declared: true, ...edge })),
  };
}

const at = (times: number, more: Partial<NonNullable<Side['series']>[number]>) => ({
  ...{ at: times * minute, calls: 1, denied: 0, failed: 0, errors: 0 },
  ...more,
});

describe('lines', () => {
  it('add both sides and all callers, with 0 for times without calls, and no latency there', () => {
    const { times, counts, latency } = linesOf(
      answer(
        { inbound: side([at(3, { calls: 5, p50: 2, p99: 9 })]), outbound: side([at(3, { calls: 2, failed: 2 })]) },
        { inbound: side([at(3, { calls: 1, denied: 1, p50: 3, p99: 4 }), at(5, { errors: 1 })]) },
      ),
    );
    expect(times).toEqual([2, 3, 4, 5].map((one) => one * minute));
    expect(Object.fromEntries(counts.map(({ label, values }) => [label, values]))).toEqual({
      Calls: [0, 8, 0, 1],
      Failed: [0, 2, 0, 0],
      '5xx': [0, 0, 0, 1],
      Refused: [0, 1, 0, 0],
    });
    expect(latency.map(({ values }) => values)).toEqual([
      [undefined, 3, undefined, undefined],
      [undefined, 9, undefined, undefined],
    ]);
  });

  it("are the caller's counts where no proxy of the service tells any", () => {
    const counted = { ...side([at(3, { calls: 7, errors: 2, p50: 4 })]), groups: {} };
    const { counts, latency } = linesOf(
      answer({ callerSide: counted, outbound: side([at(3, { calls: 2, failed: 2 })]) }),
    );
    expect(counts.map(({ values }) => values[1])).toEqual([7, 2, 2, 0]);
    expect(latency[0]?.values[1]).toBe(4);
  });

  it('are none where nobody called, and no latency where none was told', () => {
    expect(linesOf(answer({}))).toEqual({ times: [], counts: [], latency: [] });
    expect(linesOf(answer({ inbound: side([at(3, {})]) })).latency).toEqual([]);
  });

  it('are of bounded length, whatever the times say', () => {
    const broken = { ...answer({ inbound: side([at(3, {})]) }), until: Number.MAX_SAFE_INTEGER };
    expect(linesOf(broken).times.length).toBeLessThanOrEqual(400);
  });
});

it('shares are of all, the largest first; and what is not all is never said to be', () => {
  expect(sharesOf({ a: 1, b: 3, c: 0 })).toEqual([
    { name: 'b', count: 3, part: 0.75 },
    { name: 'a', count: 1, part: 0.25 },
  ]);
  expect([1, 0.99999, 0.5, 0.00001, 0].map(percent)).toEqual(['100 %', 'over 99.9 %', '50 %', 'under 0.1 %', '0 %']);
});
