// Calls to dependencies are counted once, by what is more than was told before: over reports, restarts of Envoy, and its first report here;
// latencies with the reports that have them.
import { expect, test } from 'vitest';
import { readCountersReport } from '../../src/identity-api/counters-report.ts';
import { envoyCounterNames } from '../../src/lib/envoy-counters.ts';
import type { OutboundCounts } from '../../src/lib/outbound-counts.ts';
import { createOutboundCounted } from '../../src/observe/outbound-counts.ts';
import { outboundQuery, readOutbound, timesQuery } from '../../src/sidecar/envoy/outbound-counters.ts';
import { type Edge, edgeKey, readEdge } from '../../src/signals/edge.ts';
import { addSample, noSignals, type Signals } from '../../src/signals/signals.ts';

function world() {
  const seen = new Map<string, Signals>();
  const counted = createOutboundCounted({
    record(edge, sample) {
      const key = `${edge.service} ${edgeKey(edge)}`;
      const signals = seen.get(key) ?? noSignals();
      addSample(signals, sample, 1);
      seen.set(key, signals);
    },
  });
  counted.connected('n', 'web');
  const of = (edge: Edge): Signals => seen.get(`${edge.service} ${edgeKey(edge)}`) ?? noSignals();
  return {
    counted,
    calls: (target = 'api') => of({ side: 'counted', service: 'web', target }),
    connections: () => Object.fromEntries(of({ side: 'connections', service: 'web', target: 'api' }).tls),
    size: () => seen.size,
  };
}

const counts = (ok: number, busy: number, more: Partial<OutboundCounts> = {}): OutboundCounts => ({
  ...{ classes: [0, ok, 0, 0, busy], connections: 0, received: 10 * ok, sent: 100 * ok, groups: {}, ...more },
});

test('each call once; what was counted before this control plane heard of the proxy is left out', () => {
  const { counted, calls, connections } = world();
  counted.told('n', 'a', { api: counts(100, 5, { groups: { X25519: 3 }, took: [2, 100] }) });
  expect(calls().calls).toBe(0);
  const later = { groups: { X25519: 4, X25519MLKEM768: 2 } };
  counted.told('n', 'a', { api: counts(103, 6, later), other: counts(1, 0) });
  counted.told('n', 'a', { api: counts(103, 6, later), other: counts(1, 0) });
  expect(calls()).toMatchObject({
    calls: 4,
    classes: [0, 0, 3, 0, 0, 1],
    received: 30,
    sent: 300,
    denied: 0,
    failed: 0,
  });
  expect(calls().tls.size).toBe(0);
  // A dependency that was not called before.
  expect(calls('other').calls).toBe(1);
  expect(connections()).toEqual({ X25519: 1, X25519MLKEM768: 2 });
});

test('a restarted Envoy begins at none, and so does a connection again of the same one nowhere else', () => {
  const { counted, calls } = world();
  counted.told('n', 'a', { api: counts(5, 0) });
  counted.connected('n', 'web');
  counted.told('n', 'a', { api: counts(6, 0) });
  counted.told('n', 'b', { api: counts(2, 0) });
  expect(calls().calls).toBe(3);
  // Of a listener that was taken away, and is back.
  counted.told('n', 'b', { api: counts(1, 0) });
  counted.told('n', 'b', { api: counts(4, 0) });
  expect(calls().calls).toBe(6);
  counted.told('nobody', 'b', { api: counts(50, 0) });
  counted.forget('n');
  counted.told('n', 'b', { api: counts(50, 0) });
  expect(calls().calls).toBe(6);
});

test('latencies count once, whichever reports have them', () => {
  const { counted, calls } = world();
  const all = (): number => [...calls().latency.values()].reduce((sum, count) => sum + count, 0);
  counted.told('n', 'a', { api: counts(3, 0) });
  // How many of these were before is not known.
  counted.told('n', 'a', { api: counts(5, 0, { took: [1, 5] }) });
  expect(all()).toBe(0);
  counted.told('n', 'a', { api: counts(8, 0) });
  counted.told('n', 'a', { api: counts(9, 0, { took: [1, 6, 20, 3] }) });
  expect(all()).toBe(4);
  counted.told('n', 'b', { api: counts(2, 0) });
  counted.told('n', 'b', { api: counts(2, 0, { took: [1, 2] }) });
  expect(all()).toBe(6);
});

test('connections of TCP count when they begin', () => {
  const { counted, calls } = world();
  counted.told('n', 'a', {});
  counted.told('n', 'a', { api: counts(0, 0, { connections: 2, received: 5, sent: 7 }) });
  expect(calls()).toMatchObject({ calls: 2, classes: [2, 0, 0, 0, 0, 0], received: 5, sent: 7 });
});

test('their edges are read back from their keys', () => {
  for (const side of ['outbound', 'counted', 'connections'] as const) {
    for (const edge of [
      { side, service: 'web', target: 'api:grpc' },
      { side, service: 'web' },
    ]) {
      expect(readEdge('web', edgeKey(edge))).toEqual(edge);
    }
  }
});

// As Envoy 1.40 wrote them, and some that are not asked for.
const text = `cluster.outbound_api.ssl.curves.X25519MLKEM768: 3
cluster.outbound_api.upstream_rq_2xx: 99
cluster.outbound_cell-1/valkey.ssl.curves.X25519: 2
http.outbound_api.downstream_cx_rx_bytes_total: 393
http.outbound_api.downstream_cx_tx_bytes_total: 6992
http.outbound_api.downstream_rq_2xx: 6
http.outbound_api.downstream_rq_5xx: 2
http.outbound_api.downstream_rq_total: 99
http.outbound_idle.downstream_rq_2xx: 0
http.outbound_topology-service_rest.downstream_rq_4xx: 1
http.inbound.mtls.downstream_rq_2xx: 5
listener.127.0.0.1_29432.http.outbound_api.downstream_rq_2xx: 6
tcp.outbound_cell-1/valkey.downstream_cx_rx_bytes_total: 5
tcp.outbound_cell-1/valkey.downstream_cx_total: 1
tcp.outbound_cell-1/valkey.downstream_cx_tx_bytes_total: 7
`;
const times = JSON.stringify({
  stats: [
    { name: 'x', value: 1 },
    {
      histograms: {
        details: [
          {
            name: 'http.outbound_api.downstream_rq_time',
            totals: [
              { lower_bound: 1, width: 0.1, count: 5 },
              { lower_bound: 150, width: 10, count: 3 },
            ],
          },
          { name: 'http.outbound_gone.downstream_rq_time', totals: [] },
        ],
      },
    },
  ],
});

test('they are read from the statistics of the callers side, and of nothing else', () => {
  expect(readOutbound(text, times)).toEqual({
    api: {
      ...{ classes: [0, 6, 0, 0, 2], connections: 0, received: 393, sent: 6992 },
      ...{ groups: { X25519MLKEM768: 3 }, took: [1.05, 5, 155, 3] },
    },
    'cell-1/valkey': { classes: [0, 0, 0, 0, 0], connections: 1, received: 5, sent: 7, groups: { X25519: 2 } },
    'topology-service:rest': { classes: [0, 0, 0, 1, 0], connections: 0, received: 0, sent: 0, groups: {} },
  });
  for (const odd of ['', 'null', '{"stats": 1}', '{"stats": [{"histograms": {"details": [{"name": 1}, 2]}}]}']) {
    expect(readOutbound(text, odd)['api']).not.toHaveProperty('took');
  }
  const filterOf = (query: string): RegExp => new RegExp(decodeURIComponent(query.replace(/.*filter=/, '')));
  const asked = text.split('\n').filter((line) => filterOf(outboundQuery).test(line.split(': ')[0] ?? ''));
  expect(readOutbound(asked.join('\n'))).toEqual(readOutbound(text));
  expect(filterOf(timesQuery).test('http.outbound_api.downstream_rq_time')).toBe(true);
  expect(asked.some((line) => line.includes('upstream_rq') || line.startsWith('listener'))).toBe(false);
});

test('however many dependencies and times there are, a report is not too long for the control plane', () => {
  const many = Array.from(
    { length: 400 },
    (_, at) => `http.outbound_service-with-a-name-${at}.downstream_rq_2xx: ${at + 1}`,
  );
  const totals = Array.from({ length: 200 }, (_, at) => ({ lower_bound: at, width: 1, count: 1_000_000 }));
  const details = many.map((line) => ({ name: line.replace(/rq_2xx.*/, 'rq_time'), totals }));
  const read = readOutbound(many.join('\n'), JSON.stringify({ stats: [{ histograms: { details } }] }));
  expect(JSON.stringify(read).length).toBeLessThan(48_000);
  // Those with most calls.
  expect(Object.keys(read)).toContain('service-with-a-name-399');
  expect(read['service-with-a-name-399']?.took).toHaveLength(128);
  expect(report(read).outbound).toEqual(read);
});

const none = Object.fromEntries(envoyCounterNames.map((name) => [name, 0]));
const report = (outbound?: unknown) =>
  readCountersReport({ instance: 'a1', epoch: 'e', last: false, readAt: 1, first: none, second: none, outbound });

test('a report is refused with counts that are none; one without them is an older helper', () => {
  expect(report()).not.toHaveProperty('outbound');
  const good = counts(1, 0);
  expect(report({ api: good }).outbound).toEqual({ api: good });
  for (const odd of [
    ...[
      { classes: [1] },
      { classes: [0, 0, 0, 0, -1] },
      { connections: 1.5 },
      { received: '1' },
      { groups: { 'a b': 1 } },
    ],
    ...[
      { took: [1] },
      { took: ['1', 1] },
      { took: [1, -1] },
      { took: Array.from({ length: 130 }, () => 1) },
      { sent: null },
    ],
  ]) {
    expect(() => report({ api: { ...good, ...odd } }), JSON.stringify(odd)).toThrow(/outbound/);
  }
  expect(() => report({ '../x': good })).toThrow(/outbound/);
  expect(() => report(Object.fromEntries(Array.from({ length: 129 }, (_, at) => [`s${at}`, good])))).toThrow(
    /outbound/,
  );
});

test('of a proxy that invents dependencies no more is remembered than of one that has many', () => {
  const { counted, calls } = world();
  counted.told('n', 'a', {});
  const report = (from: number, to: number): void =>
    counted.told(
      'n',
      'a',
      Object.fromEntries(Array.from({ length: to - from }, (_, at) => [`d${from + at}`, counts(1, 0)])),
    );
  for (let at = 0; at < 1024; at += 128) report(at, at + 128);
  report(0, 128);
  // Every one of them is known: nothing was called twice.
  expect([calls('d0').calls, calls('d1023').calls]).toEqual([1, 1]);
  for (let at = 0; at < 1024; at += 128) report(10_000 + at, 10_000 + at + 128);
  report(0, 1);
  expect(calls('d0').calls).toBe(2);
});
