// Two control planes on one valkey, each behind a cable of its own. One is cut off: it says so, keeps the streams that it has, takes no new
// ones, and is back by itself. The qualification does the same with real Envoys and calls between them.
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { deliver } from '../../src/identity-api/deliver.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { temporaryFolder } from '../../src/lib/temporary-folder.ts';
import { readStats } from '../../src/sidecar/envoy/read-stats.ts';
import { runSidecar } from '../../src/sidecar/run-sidecar.ts';
import { createControlPlanes } from '../../src/sidecar/servers/control-planes.ts';
import { createSvidFiles } from '../../src/sidecar/svid/svid-files.ts';
import { takeName } from '../../src/sidecar/take-name.ts';
import { inThisProcess, type Run } from '../adversary/store/redis-wall-runs.ts';
import { type Cable, layCable } from '../support/cable.ts';
import { eventually } from '../support/eventually.ts';
import { figure, qualifying } from '../support/figure.ts';
import { createMiniProxy, type MiniProxy } from '../support/mini-proxy.ts';
import { protocols } from '../support/protocol-load.ts';
import { type EnvoyPlan, planEnvoys } from '../support/replica-envoys.ts';
import { type Replica, type Replicas, startReplicas } from '../support/replicas.ts';
import { serviceText, yaml } from '../support/resolve-text.ts';

const host = '127.0.0.1';
const spiffeId = 'spiffe://td1/cell/cell-1/service/api';
const cables: Cable[] = [];
const proxies: MiniProxy[] = [];
let replicas: Replicas;
let plan: EnvoyPlan | undefined;
const closers: (() => unknown)[] = [];

const behindCable: Run = async (where) => {
  const url = new URL(where.url);
  const cable = await layCable(Number(url.port));
  cables.push(cable);
  url.port = String(cable.port);
  return inThisProcess({ ...where, url: url.href, isolatedAfterMs: 3000 });
};

beforeAll(async () => {
  plan = qualifying ? await planEnvoys(protocols, 2) : undefined;
  const documents = yaml(
    'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1}',
    'kind: Cell\nmetadata: {name: cell-1}\nspec: {id: 1, region: east}',
    serviceText('cell-1/api', 'http2'),
    serviceText('late'),
    ...(plan?.texts ?? []),
  );
  replicas = await startReplicas(documents, 2, behindCable);
}, 60_000);
afterAll(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  for (const proxy of proxies) proxy.close();
  for (const cable of cables) cable.mend();
  await replicas?.stop();
  for (const cable of cables) await cable.close();
}, 60_000);

const readiness = async ({ ports }: Replica) => {
  const answer = await fetch(`http://${host}:${ports.admin}/readyz`);
  return `${answer.status} ${await answer.text()}`;
};
const isolatedMetric = async ({ ports }: Replica) =>
  /^cellwall_store_isolated (\d)$/m.exec(await (await fetch(`http://${host}:${ports.admin}/metrics`)).text())?.[1];

it('a control plane that alone has lost the store takes no new streams, and is back by itself', async () => {
  const [a, b] = replicas.all;
  const [cable] = cables;
  if (a === undefined || b === undefined || cable === undefined) throw new Error('not started');
  await eventually('they know each other', async () => {
    const known = [await a.admin.status(), await b.admin.status()];
    return known.every(({ replicas: all = [] }) => all.length === 2 && all.every(({ alive }) => alive)) || undefined;
  });
  const svid = await b.enrol(spiffeId);
  const refusals: string[] = [];
  const open = (instance: string, at: Replica): MiniProxy => {
    const cellwall = {
      inbound: `127.0.0.1:${41_000 + proxies.length}`,
      application: '127.0.0.1:1',
      run: `r${instance}`,
    };
    const onEnd = (details: string): void => void refusals.push(`${instance}: ${details}`);
    const proxy = createMiniProxy({ node: `${spiffeId}~${instance}`, svid, cellwall, onEnd });
    proxies.push(proxy);
    proxy.connect(at.ports.xds);
    return proxy;
  };
  const old = open('old', a);
  await eventually('it has a stream', async () => old.answeredAt() !== undefined || undefined);
  expect([await readiness(a), await isolatedMetric(a)]).toEqual([expect.stringMatching(/^200 /), '0']);

  cable.cut();
  await eventually('it is not ready', async () => (await readiness(a)).startsWith('503 ') || undefined, 40_000);
  expect(await readiness(a)).toMatch(/isolated: it has heard nothing of the store since .*it takes no new streams/);
  await eventually(
    'it says that it is stale',
    async () => (await readiness(a)).includes('"stale"') || undefined,
    40_000,
  );
  expect(await a.admin.status()).toMatchObject({ ready: false, reasons: [expect.stringMatching(/^isolated: /)] });
  expect([await isolatedMetric(a), await isolatedMetric(b)]).toEqual(['1', '0']);
  expect(await readiness(b)).toMatch(/^200 /);
  open('new', a);
  await eventually('it is refused', async () => refusals.length > 0 || undefined);
  expect(refusals).toEqual([expect.stringMatching(/^new: .*cut off from its store/)]);
  expect(old.isOpen()).toBe(true);

  // A sidecar that starts asks the one that is cut off first, and begins at the other.
  const planeOf = ({ ports }: Replica) => ({
    identity: { host, port: ports.identity },
    xds: { host, port: ports.xds },
  });
  const servers = createControlPlanes([planeOf(a), planeOf(b)], '');
  servers.use(servers.order().find(({ xds }) => xds.port === a.ports.xds) ?? planeOf(a));
  const own = createSvidFiles(`${svid.dir}`).read();
  if (own === undefined) throw new Error('no SVID');
  const naming = { servers, svid: own, instance: 'starts', given: true, dataDir: svid.dir, run: 'starts' };
  await takeName({ ...naming, signal: new AbortController().signal, log: silentLog });
  expect(servers.identity().port).toBe(b.ports.identity);
  // A proxy may not ask what replicas ask each other.
  const question = { path: '/v1/hears', timeoutMs: 5000, body: async () => ({ replica: 'x', forMs: 1 }) } as const;
  const asked = deliver({ host, port: b.ports.identity, svid: own, ...question });
  await expect(asked).rejects.toMatchObject({ code: 'permission_denied' });

  cable.mend();
  await eventually('it is back', async () => (await readiness(a)).startsWith('200 ') || undefined, 40_000);
  expect(await isolatedMetric(a)).toBe('0');
  const again = open('again', a);
  await eventually('it takes streams', async () => again.answeredAt() !== undefined || undefined);
  expect(old.isOpen()).toBe(true);
}, 120_000);

if (qualifying) {
  it('real Envoys: those that have a stream keep it, one that starts begins at the other, and no call fails', async () => {
    const [a, b] = replicas.all;
    const [cable] = cables;
    if (a === undefined || b === undefined || cable === undefined) throw new Error('not started');
    const envoys = await plan?.start(replicas.all);
    if (envoys === undefined) throw new Error('no Envoys');
    closers.push(envoys.close);
    const load = envoys.load();
    cable.cut();
    await eventually('it is isolated', async () => (await isolatedMetric(a)) === '1' || undefined, 60_000);
    const { token } = await b.admin.createToken({ service: 'late' });
    const folder = temporaryFolder('late');
    closers.push(() => rmSync(folder, { recursive: true, force: true }));
    const at = (which: 'identity' | 'xds') => [a, b].map(({ ports }) => `${host}:${ports[which]}`).join();
    const late = await runSidecar({
      ...{ identity: at('identity'), xds: at('xds'), token: new Redacted(token), dataDir: folder, drainSeconds: 0 },
      ...{ env: process.env, log: silentLog, envoyWords: { write() {} } },
    });
    closers.push(() => late.stop());
    const stream = async () => {
      const address = late.admin();
      if (address === undefined) return undefined;
      // Its Envoy is starting.
      const clusters = await readStats(address, '/clusters?filter=^cellwall$').catch(() => '');
      return /^cellwall::127\.0\.0\.1:(\d+)::rq_active::[1-9]/m.exec(clusters)?.[1];
    };
    await eventually(
      'it has a stream at the other',
      async () => (await stream()) === `${b.ports.xds}` || undefined,
      30_000,
    );
    // Taken by the one that has the store.
    expect(await b.admin.apply({ text: yaml(serviceText('another')) })).toMatchObject({ kind: 'applied' });
    cable.mend();
    await eventually('it is back', async () => (await readiness(a)).startsWith('200 ') || undefined, 40_000);
    const revisions = async () => [(await a.admin.status()).revision, (await b.admin.status()).revision];
    await eventually('both have it', async () => new Set(await revisions()).size === 1 || undefined, 20_000);
    const failed = await load.end();
    figure('failedCalls', failed.length);
    expect(failed).toEqual([]);
  }, 240_000);
}
