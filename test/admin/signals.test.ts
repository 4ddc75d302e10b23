// How calls went, as the admin API and the command tell it: both ends of an edge are one row, what is declared and was not called is there,
// too, and times without a record are named.
import { afterEach, expect, test } from 'vitest';
import type { SignalsAnswer } from '../../src/admin/wire-signals.ts';
import { silentLog } from '../../src/lib/log.ts';
import type { Edge } from '../../src/signals/edge.ts';
import { createOthersSignals } from '../../src/signals/others-signals.ts';
import { createReadSignals } from '../../src/signals/read-signals.ts';
import { createRecordedSignals } from '../../src/signals/recorded-signals.ts';
import type { Sample } from '../../src/signals/signals.ts';
import { type AdminHarness, adminToken, startAdmin } from '../support/admin-harness.ts';
import { runCli } from '../support/cli-harness.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { meshText, serviceText, yaml } from '../support/resolve-text.ts';

const clock = createFakeClock();
const minute = 60_000;
let admin: AdminHarness | undefined;
afterEach(async () => {
  await admin?.close();
});

const documents = yaml(
  meshText('permissive'),
  serviceText('api'),
  serviceText('db', 'tcp'),
  serviceText('web', 'http1', ', dependsOn: [{service: api, listen: 15001}, {service: db, listen: 15002}]'),
);

const sample = (
  decision: Sample['decision'],
  count: number,
  status: number,
  flags: readonly string[] = [],
  ms = 5,
): Sample => ({
  ...{ facts: { status, flags, tls: '1.3' }, decision, count, took: Array<number>(count).fill(ms) },
  ...{ received: 10 * count, sent: 20 * count },
});
const fromWeb: Edge = { side: 'inbound', service: 'api', caller: 'mtls', principal: 'spiffe://td1/service/web' };
const plain: Edge = { side: 'inbound', service: 'api', caller: 'plaintext', peer: '10.0.0.9' };

async function start(more: readonly (readonly [Edge, Sample])[] = []): Promise<{
  ask(query?: string): Promise<SignalsAnswer>;
  table(...args: string[]): Promise<string>;
}> {
  const own = createRecordedSignals({ clock });
  const signals = createReadSignals({ own, others: createOthersSignals(silentLog), clock });
  own.record(fromWeb, sample('allowed', 90, 200));
  own.record(fromWeb, sample('failed', 9, 503, ['UF'], 900));
  own.record(fromWeb, sample('denied', 1, 403));
  own.record({ side: 'outbound', service: 'web', target: 'api' }, sample('failed', 4, 503, ['UH']));
  own.record({ ...plain }, { ...sample('allowed', 2, 200), facts: { status: 200, flags: [], tls: 'none' } });
  for (const [edge, of] of more) own.record(edge, of);
  const now = clock.now();
  admin = await startAdmin({
    ...{ clock, signals },
    handshakes: () => [
      { service: 'api', address: '10.0.0.7', why: 'no certificate was sent', caller: true, count: 3, lastSeen: now },
      { service: 'api', address: '10.0.0.8', why: 'long ago', caller: true, count: 1, lastSeen: now - 9 * 3_600_000 },
    ],
    record: {
      calls: () => [],
      coverage: (service) => ({
        ports: [],
        gone: [],
        ...(service === 'api' ? { since: 0, gaps: [{ node: 'api~1', from: now - minute, to: now }] } : { gaps: [] }),
      }),
    },
  });
  const { call, address } = admin;
  expect((await call('/v1/apply', { body: { text: documents } })).status).toBe(200);
  return {
    async ask(query = '') {
      const reply = await call(`/v1/signals${query}`);
      expect(reply.status, reply.text).toBe(200);
      return reply.json() as SignalsAnswer;
    },
    async table(...args) {
      const env = { CELLWALL_ADMIN: `127.0.0.1:${address.port}`, CELLWALL_ADMIN_TOKEN: adminToken };
      return (await runCli(['signals', ...args], { env, clock })).stdout;
    },
  };
}

test('both ends of an edge are one row; who called in plaintext is another; what was not called is there', async () => {
  const { ask } = await start();
  const { edges, edgeCount, services, step } = await ask();
  expect(edgeCount).toBe(3);
  expect(step).toBe('minute');
  expect(edges[0]).toMatchObject({
    ...{ service: 'api', caller: 'mtls', callerService: 'web', declared: true },
    inbound: {
      ...{ calls: 100, denied: 1, failed: 9, received: 1000, sent: 2000, flags: { UF: 9 }, tls: { '1.3': 100 } },
      classes: { none: 0, '2xx': 90, '4xx': 1, '5xx': 9 },
    },
    outbound: { calls: 4, failed: 4, flags: { UH: 4 } },
  });
  const { latency } = edges[0]?.inbound ?? {};
  expect(latency?.p50).toBeCloseTo(5, 0);
  expect(latency?.p99 ?? 0).toBeGreaterThan(880);
  expect(edges[1]).toMatchObject({
    caller: 'plaintext',
    peer: '10.0.0.9',
    declared: false,
    inbound: { tls: { none: 2 } },
  });
  expect(edges[2]).toEqual(expect.objectContaining({ service: 'db', callerService: 'web', declared: true }));
  expect(edges[2]).not.toHaveProperty('inbound');
  const api = services.find(({ service }) => service === 'api');
  expect(api?.handshakes.map(({ address }) => address)).toEqual(['10.0.0.7']);
  expect(api?.unknown).toMatchObject([{ node: 'api~1' }]);
  expect(services.find(({ service }) => service === 'db')).not.toHaveProperty('since');
});

test('of one service, or one caller; each period by itself only if asked for', async () => {
  const { ask } = await start();
  expect((await ask('?service=db')).edges).toHaveLength(1);
  expect((await ask('?caller=spiffe://td1/service/web')).edges).toHaveLength(2);
  expect((await ask('?service=api&caller=web')).edges[0]?.inbound).not.toHaveProperty('series');
  const { edges } = await ask('?service=api&caller=web&series=true');
  expect(edges[0]?.inbound?.series).toMatchObject([{ calls: 100, errors: 9 }]);
  for (const [query, status] of [
    ['?service=nobody', 404],
    ['?since=never', 400],
    ['?since=0d', 400],
    ['?odd=1', 400],
  ] as const) {
    expect((await admin?.call(`/v1/signals${query}`))?.status, query).toBe(status);
  }
});

test('the command shows them as tables: calls, what was not called, what is not known, who was refused', async () => {
  const { table } = await start();
  const text = await table();
  expect(text).toMatch(/web +api +100 +1 +9 +9 .*1\.3 +UF/);
  expect(text).toMatch(/web +api +4 not reached/);
  expect(text).toMatch(/10\.0\.0\.9 \(plaintext\) +api +2 .*none/);
  expect(text).toMatch(/DECLARED, NOT SEEN +SERVICE\nweb +db/);
  expect(text).toMatch(/db +no proxy of it has been connected yet/);
  expect(text).toMatch(/api +.*api~1/);
  expect(text).toMatch(/api +10\.0\.0\.7 +3 .*no certificate was sent/);
  expect(await table('db')).toContain('no call was seen');
});

test("what the caller's own proxy counted is part of the edge, and all that there is of a service without a proxy", async () => {
  const counted = (target: string, count: number, status: number): readonly [Edge, Sample] => [
    { side: 'counted', service: 'web', target },
    { ...sample('allowed', count, status), facts: { status, flags: [], tls: '' } },
  ];
  const { ask, table } = await start([
    ...[counted('api', 103, 200), counted('db', 7, 0)],
    [
      { side: 'connections', service: 'web', target: 'db' },
      { ...sample('allowed', 2, 0), facts: { status: 0, flags: [], tls: 'X25519MLKEM768' }, took: [] },
    ],
  ]);
  const { edges } = await ask('?series=true');
  const [api, db] = ['api', 'db'].map((name) => edges.find((one) => one.service === name && one.caller === 'mtls'));
  expect(api).toMatchObject({ declared: true, inbound: { calls: 100 }, callerSide: { calls: 103, groups: {} } });
  expect(db).toMatchObject({
    ...{ callerService: 'web', declared: true },
    callerSide: { calls: 7, classes: { none: 7 }, groups: { X25519MLKEM768: 2 }, series: [{ calls: 7, errors: 0 }] },
  });
  const text = await table();
  expect(text).toMatch(/web +db +7 sent +- +- +0 /);
  expect(text).not.toContain('103 sent');
  expect(text).not.toContain('DECLARED, NOT SEEN');
  expect(text).toMatch(/db, from web +X25519MLKEM768/);
});
