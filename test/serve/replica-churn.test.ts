// Two control planes, each a process of its own, that die, restart and pause under proxies that connect to whichever is there: no endpoint
// is lost, and what comes again is a proxy's own secret. The qualification adds ten real Envoys that call one another all the while.

import { fromBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClusterLoadAssignmentSchema } from '#gen/envoy/config/endpoint/v3/endpoint_pb.js';
import { typeUrls } from '../../src/xds/resources/type-url.ts';
import { inOneOfItsOwn } from '../adversary/store/redis-wall-runs.ts';
import { eventually } from '../support/eventually.ts';
import { figure, qualifying } from '../support/figure.ts';
import { createMiniProxy, type MiniProxy } from '../support/mini-proxy.ts';
import { protocols } from '../support/protocol-load.ts';
import { type EnvoyLoad, planEnvoys, type ReplicaEnvoys } from '../support/replica-envoys.ts';
import { type Replica, type Replicas, startReplicas } from '../support/replicas.ts';
import { policyText, serviceText, yaml } from '../support/resolve-text.ts';

const count = qualifying ? 200 : 12;
const pausedMs = qualifying ? 60_000 : 6500;
/** As Envoy's keepalive notices a control plane that is silent. */
const noticeMs = 3000;
const id = (name: string): string => `spiffe://td1/cell/cell-1/service/${name}`;
const { cluster, endpoint, listener, secret } = typeUrls;
let replicas: Replicas;
let apis: readonly MiniProxy[] = [];
let web: MiniProxy;
let envoys: ReplicaEnvoys | undefined;
let load: EnvoyLoad | undefined;
/** Of all kinds. */
let total = count + 1;
/** The fewest endpoints that the caller ever had, once it had all. */
let fewest = Number.POSITIVE_INFINITY;
const down = new Set<Replica>();
const at = new Map<MiniProxy, Replica>();
/** When each was last without a control plane: since its stream ended, or its control plane hung. */
const lostAt = new Map<MiniProxy, number>();

beforeAll(async () => {
  const plan = qualifying ? await planEnvoys(protocols, 6) : undefined;
  replicas = await startReplicas(
    yaml(
      'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1}',
      'kind: Cell\nmetadata: {name: cell-1}\nspec: {id: 1, region: east}',
      serviceText('cell-1/web', 'http1', ', dependsOn: [{service: api, listen: 15001}]'),
      serviceText('cell-1/api', 'http2'),
      policyText('cell-1/calls', 'api', 'allow', '[{from: [{service: web}]}]'),
      ...(plan?.texts ?? []),
    ),
    2,
    inOneOfItsOwn,
  );
  const { all } = replicas;
  const start = async (service: string, index: number): Promise<MiniProxy> => {
    const home = all[index % 2] ?? replicas.all[0];
    if (home === undefined) throw new Error('no replica');
    const node = `${id(service)}~i${index}`;
    const proxy: MiniProxy = createMiniProxy({
      ...{ node, svid: await home.enrol(id(service)) },
      cellwall: { inbound: `127.0.0.1:${10_000 + index}`, application: '127.0.0.1:1', run: `run${index}` },
      onResource: (name, bytes) => service === 'web' && seen(name, bytes),
      onEnd() {
        lostAt.set(proxy, performance.now());
        setTimeout(() => goOn(proxy), 50 + Math.random() * 150);
      },
    });
    at.set(proxy, home);
    proxy.connect(home.ports.xds);
    return proxy;
  };
  web = await start('web', count);
  const made: MiniProxy[] = [];
  for (let index = 0; index < count; index += 1) made.push(await start('api', index));
  apis = made;
  for (const proxy of [web, made[0] ?? web]) {
    const home = at.get(proxy);
    const resources = await eventually('it has a snapshot', async () => {
      const sent = await home?.admin.envoy(proxy.node).catch(() => undefined);
      return sent !== undefined && sent.resources.length > 0 && proxy.has.size > 1 ? sent.resources : undefined;
    });
    const later = resources.filter(({ typeUrl }) => typeUrl !== cluster && typeUrl !== listener);
    for (const [typeUrl, own] of Map.groupBy(later, (one) => one.typeUrl)) {
      for (const other of proxy === web ? [web] : apis)
        other.subscribe(
          typeUrl,
          own.map(({ name }) => name),
        );
    }
  }
  await eventually('the caller has all endpoints', () => endpointsOf(web) === count || undefined, 60_000);
  fewest = count;
  envoys = await plan?.start(all);
  total += plan?.envoys ?? 0;
  figure('rawStreams', count + 1);
  figure('envoys', plan?.envoys ?? 0);
  load = envoys?.load();
}, 360_000);
afterAll(async () => {
  await envoys?.close();
  for (const proxy of [...apis, web]) proxy?.close();
  for (const { pid } of replicas?.all ?? []) if (pid !== undefined) process.kill(pid, 'SIGCONT');
  await replicas?.stop();
}, 60_000);

function endpointsOf({ has }: MiniProxy): number {
  return Math.max(
    0,
    ...[...has].flatMap(([name, { bytes }]) => (name.startsWith(`${endpoint} `) ? [endpointsIn(bytes)] : [])),
  );
}

function endpointsIn(bytes: Buffer): number {
  const { endpoints } = fromBinary(ClusterLoadAssignmentSchema, bytes);
  return endpoints.reduce((sum, { lbEndpoints }) => sum + lbEndpoints.length, 0);
}

function seen(name: string, bytes: Buffer): void {
  if (fewest !== Number.POSITIVE_INFINITY && name.startsWith(`${endpoint} `))
    fewest = Math.min(fewest, endpointsIn(bytes));
}

/** To one that is not known to be down; the next one, if that does not answer either. */
function goOn(proxy: MiniProxy): void {
  if (proxy.isOpen()) return;
  const next = replicas.all.find((one) => one !== at.get(proxy) && !down.has(one)) ?? at.get(proxy);
  if (next === undefined) return;
  at.set(proxy, next);
  proxy.connect(next.ports.xds);
}

const everybody = (): readonly MiniProxy[] => [web, ...apis];

/** Each has been without a control plane `since` then, and has an answer of another one; only their own secrets came. */
async function allBack(since: number, those: readonly MiniProxy[], what: string): Promise<void> {
  await eventually(
    `${what}: all are back`,
    // One that has not noticed yet has an older answer.
    () => those.every((proxy) => proxy.isOpen() && (proxy.answeredAt() ?? 0) > since) || undefined,
    30_000,
  );
  const last = Math.max(0, ...those.map((proxy) => (proxy.answeredAt() ?? 0) - (lostAt.get(proxy) ?? since)));
  figure(`${what}: streams back after ms`, Math.round(last));
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const again = those.flatMap((proxy) => proxy.came.filter((name) => !name.startsWith(`${secret} spiffe://`)));
  figure(`${what}: re-sent beside own secrets`, again.length);
  expect(again).toEqual([]);
  if (qualifying) expect(last).toBeLessThan(5000);
  for (const replica of replicas.all.filter((one) => !down.has(one))) {
    await eventually(
      'every proxy is known to be connected',
      async () => {
        const { proxies } = await replica.admin.proxies();
        return (
          (proxies.length === total && proxies.every(({ state, ready }) => state === 'connected' && ready)) || undefined
        );
      },
      20_000,
    );
  }
  expect(fewest).toBe(count);
  expect(endpointsOf(web)).toBe(count);
}

/** Every real Envoy has its stream at one that is not down. */
async function envoysBack(what: string, others?: 'end'): Promise<void> {
  const ms = await envoys?.allAt(
    replicas.all.filter((one) => !down.has(one)),
    others,
  );
  if (ms === undefined) return;
  figure(`${what}: streams of Envoys back after ms`, Math.round(ms));
  expect(ms).toBeLessThan(5000);
}

const on = (replica: Replica): readonly MiniProxy[] => everybody().filter((proxy) => at.get(proxy) === replica);

describe('of two control planes', () => {
  it('one is killed, and started again', async () => {
    const [victim] = replicas.all;
    if (victim?.pid === undefined) throw new Error('no process');
    const those = on(victim);
    down.add(victim);
    const since = performance.now();
    process.kill(victim.pid, 'SIGKILL');
    await Promise.all([allBack(since, those, 'kill'), envoysBack('kill')]);
    // What the others hold of it must not end what moved.
    await new Promise((resolve) => setTimeout(resolve, qualifying ? 40_000 : 1000));
    expect(endpointsOf(web)).toBe(count);
    await victim.end().catch(() => undefined);
    await victim.start();
    down.delete(victim);
    await eventually('it knows all', async () => (await victim.admin.proxies()).proxies.length === total || undefined);
    expect(fewest).toBe(count);
  }, 180_000);

  it('both are restarted, one after the other', async () => {
    for (const replica of replicas.all) {
      const those = on(replica);
      down.add(replica);
      const since = performance.now();
      const envoysMoved = envoysBack('restart', 'end');
      await replica.end();
      await Promise.all([allBack(since, those, 'restart'), envoysMoved]);
      await replica.start();
      down.delete(replica);
    }
    expect(fewest).toBe(count);
  }, 180_000);

  it('one is paused, and wakes', async () => {
    // A restart leaves all of them at one; they are at both again, as at the start.
    const [first, second] = replicas.all;
    for (const [index, proxy] of everybody().entries()) {
      const home = index % 2 === 0 ? first : second;
      if (home === undefined || at.get(proxy) === home) continue;
      at.set(proxy, home);
      proxy.connect(home.ports.xds);
    }
    await eventually(
      'all are at home',
      () => everybody().every((proxy) => proxy.answeredAt() !== undefined) || undefined,
      30_000,
    );
    const paused = replicas.all.find((replica) => on(replica).length > 1);
    if (paused?.pid === undefined) throw new Error('no process');
    const those = on(paused);
    down.add(paused);
    process.kill(paused.pid, 'SIGSTOP');
    const since = performance.now();
    for (const proxy of those) lostAt.set(proxy, since);
    const envoysMoved = envoysBack('pause');
    await new Promise((resolve) => setTimeout(resolve, noticeMs));
    for (const proxy of those) {
      proxy.close();
      goOn(proxy);
    }
    await Promise.all([allBack(since, those, 'pause'), envoysMoved]);
    await new Promise((resolve) => setTimeout(resolve, pausedMs - noticeMs));
    process.kill(paused.pid, 'SIGCONT');
    down.delete(paused);
    await eventually(
      'it knows who has them',
      async () => {
        const { proxies } = await paused.admin.proxies();
        const mine = (await paused.admin.status()).replicas?.find(({ self }) => self)?.id;
        const there = proxies.filter(({ state, replica }) => state === 'connected' && replica !== mine);
        return there.length === total || undefined;
      },
      30_000,
    );
    await new Promise((resolve) => setTimeout(resolve, qualifying ? 35_000 : 500));
    expect(fewest).toBe(count);
    expect(endpointsOf(web)).toBe(count);
    figure('fewestEndpoints', fewest);
  }, 240_000);

  if (!qualifying) return;
  it('no call between real Envoys failed in any of it', async () => {
    expect(await load?.end()).toEqual([]);
  });
});
