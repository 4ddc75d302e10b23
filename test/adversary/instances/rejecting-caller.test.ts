// W's Envoy really rejects what it is sent: a port that is taken, and a document that is valid to us and not to Envoy. Services that it
// does not call become strict at once, the one that it calls after ten minutes, and with that nobody else's calls fail.
import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { eventually } from '../../support/eventually.ts';
import { figure } from '../../support/figure.ts';
import { freePorts } from '../../support/free-ports.ts';
import { httpCall } from '../../support/http-call.ts';
import { serviceText, yaml } from '../../support/resolve-text.ts';
import { type ReturnWall, startReturnWall } from '../../support/return-wall.ts';

/** A table's size is a prime, which no schema says. */
const odd = `kind: EnvoyResource
metadata: {name: odd}
spec:
  selector: {services: [evil]}
  patch:
    operation: merge
    typeUrl: type.googleapis.com/envoy.config.cluster.v3.Cluster
    name: outbound:api
    value: {lb_policy: MAGLEV, maglev_lb_config: {table_size: 1000}}`;

let wall: ReturnWall;
let holder: Server;
let inbound: readonly number[];
/** That the control plane's clock of durations is ahead. */
let aheadMs = 0;
const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + aheadMs };

beforeAll(async () => {
  const [taken = 0, ...rest] = await freePorts(3);
  inbound = rest;
  holder = createServer();
  await new Promise<void>((resolve) => holder.listen(taken, '127.0.0.1', resolve));
  wall = await startReturnWall({
    clock,
    mode: 'permissive',
    more: [serviceText('free'), serviceText('evil', 'http1', `, dependsOn: [{service: api, listen: ${taken}}]`), odd],
  });
  for (const [at, service] of ['api', 'free'].entries()) {
    await wall.start(service, { inbound: `127.0.0.1:${inbound[at]}` });
  }
  await wall.start('web');
  await wall.start('evil');
  await eventually('web calls api', async () => (await wall.call()) === 200 || undefined, 30_000);
  await eventually(
    'evil rejects both',
    async () => {
      const { proxies } = await wall.serve.admin.proxies();
      const rejected = proxies
        .find(({ service }) => service === 'evil')
        ?.types.filter(({ nack }) => nack !== undefined);
      return rejected?.length === 2 || undefined;
    },
    30_000,
  );
  for (const service of ['free', 'api']) {
    await eventually(`the record of ${service} is long enough`, async () => {
      const { reasons } = await makeStrict(service, true);
      return reasons.every(({ kind }) => kind !== 'record') || undefined;
    });
  }
}, 120_000);
afterAll(async () => {
  await wall?.stop();
  holder?.close();
});

/** The window is short, so that the start of the record is none of the reasons. */
async function makeStrict(service: string, dryRun = false) {
  const text = yaml(serviceText(service, 'http1', ', mtls: {mode: strict}'));
  const { kind, reasons = [] } = await wall.serve.admin.apply({ text, since: '1s', dryRun });
  return { passed: kind !== 'invalid', reasons };
}

test('a caller that rejects holds nobody whom it does not call, and whom it calls for ten minutes', {
  timeout: 90_000,
}, async () => {
  expect(await makeStrict('free')).toEqual({ passed: true, reasons: [] });

  const held = await makeStrict('api');
  expect(held.passed).toBe(false);
  expect(held.reasons.length).toBeGreaterThan(0);
  for (const { kind, who, why } of held.reasons) {
    expect(kind).toBe('client-half');
    expect(who).toMatch(/^spiffe:\/\/td1\/service\/evil~/);
    expect(why).toMatch(/a declared caller that rejected its (listeners|clusters)/);
  }
  let heldMs = 0;
  for (; heldMs < 540_000; heldMs += 60_000) {
    aheadMs += 60_000;
    expect(await makeStrict('api')).toEqual(held);
  }
  figure('heldByRealRejectionsMs', heldMs);
  aheadMs += 60_000;
  const answer = await makeStrict('api');
  expect(answer).toMatchObject({ passed: true, reasons: [{ kind: 'client-half', warning: true }] });
  const { records } = await wall.serve.admin.audit(20);
  expect(records.map(({ event }) => event)).toContainEqual(
    expect.objectContaining({ kind: 'cut-over-warned', services: ['api'] }),
  );

  // It is in force, and who calls as he should goes on.
  const plain = (): Promise<number> =>
    httpCall({ port: inbound[0] ?? 0 }).then(
      ({ status }) => status,
      () => 0,
    );
  await eventually('plaintext is out', async () => (await plain()) === 0 || undefined, 20_000);
  for (let call = 0; call < 20; call++) expect(await wall.call()).toBe(200);
});
