// Real Envoys of every kind of client on one control plane: allowed, refused, rotated under load, and a restart.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startHttp1Echo } from '../../support/echo-application.ts';
import { edgeBootstrap } from '../../support/edge-envoy.ts';
import { freePorts } from '../../support/free-ports.ts';
import { httpCall } from '../../support/http-call.ts';
import { type ServeHarness, startServe } from '../../support/serve-harness.ts';
import { startSidecarEnvoy } from '../../support/sidecar-envoy.ts';
import { type RunningEnvoy, startEnvoy } from '../../support/start-envoy.ts';
import type { Context, Item } from '../item.ts';
import { until } from '../support/until.ts';
import { apiId, ingressId, meshDocuments, singleId, trustDomain, type Variant, webId } from './envoys/documents.ts';
import { figuresOf, serialOf } from './envoys/envoy-figures.ts';
import { startSingleTypeEnvoy } from './envoys/single-type-envoy.ts';

const rotations = 5;
const quietMs = 3000;

interface Proxy {
  readonly id: string;
  readonly envoy: RunningEnvoy;
}

interface Client {
  readonly name: string;
  /** A request through it to the strict service; the status. */
  call(path: string): Promise<number>;
}

export const realEnvoys: Item = {
  name: 'real-envoys',
  line:
    'real Envoys in state-of-the-world, in delta, with single-type services and as SDS-only edges: allowed, ' +
    'denied, rotated, and a restart that re-sends nothing unchanged',
  bound:
    `every kind 200 and 403 as policy says; 0 failed requests over ${rotations} rotations of all and a restart; ` +
    'update_rejected 0, connected_state 1, 0 warming; 0 resources re-sent but own secrets',
  async run(context) {
    const { plane, clients, envoys } = await start(context);
    for (const client of clients) {
      await until(`${client.name} is allowed`, 20_000, async () =>
        (await client.call('/open')) === 200 ? true : undefined,
      );
    }
    const refused = await Promise.all(clients.map((client) => client.call('/closed')));
    context.progress(`${clients.length} clients are allowed /open; /closed: ${refused.join(' ')}`);

    const load = startLoad(clients);
    const rotatedMs: number[] = [];
    for (let round = 0; round < rotations; round += 1) {
      rotatedMs.push(await rotateAll(plane, envoys));
      await load.each(20);
    }
    context.progress(`rotated ${envoys.length} Envoys ${rotations} times, each within ${Math.max(...rotatedMs)} ms`);
    const responses = [...(await pushesOf(plane)).values()].reduce((sum, count) => sum + count, 0);
    const before = await acceptedBy(envoys);
    const restartedAt = performance.now();
    await plane.restart();
    await until('all are back', 30_000, async () => {
      const { proxies } = await plane.admin.proxies();
      const back = proxies.filter(({ state }) => state === 'connected').length;
      const figures = await Promise.all(envoys.map(({ envoy }) => figuresOf(envoy)));
      return back === envoys.length && figures.every(({ disconnected }) => disconnected === 0) ? true : undefined;
    });
    const backMs = Math.round(performance.now() - restartedAt);
    // Long enough for whatever would still be sent.
    await new Promise((resolve) => setTimeout(resolve, quietMs));
    await load.each(20);
    const after = await acceptedBy(envoys);
    const { requests, failed } = await load.stop();

    const pushes = await pushesOf(plane);
    const resent = [...pushes].filter(([type]) => type !== 'Secret').reduce((sum, [, count]) => sum + count, 0);
    const accepted = [...after].filter(([name, count]) => !/sds/.test(name) && count !== before.get(name));
    for (const [name, count] of accepted) context.progress(`${name}: ${before.get(name)} → ${count}`);
    const figures = await Promise.all(envoys.map(({ envoy }) => figuresOf(envoy)));
    const sum = (of: (one: (typeof figures)[number]) => number): number =>
      figures.reduce((total, one) => total + of(one), 0);
    const result = {
      envoys: envoys.length,
      clients: clients.length,
      refusedAsPolicySays: refused.every((status) => status === 403),
      requests,
      failedRequests: failed,
      updateRejected: sum(({ rejected }) => rejected),
      xdsConnections: sum(({ connections }) => connections),
      disconnected: sum(({ disconnected }) => disconnected),
      warming: sum(({ warming }) => warming),
      rotations,
      slowestRotationMs: Math.max(...rotatedMs),
      backMs,
      responsesBeforeRestart: responses,
      resentAfterRestart: resent,
      ownSecretsAfterRestart: pushes.get('Secret') ?? 0,
      acceptedAgainAfterRestart: accepted.length,
    };
    const zeros = [failed, result.updateRejected, result.disconnected, result.warming, resent, accepted.length];
    return {
      ok: result.refusedAsPolicySays && responses > 0 && zeros.every((figure) => figure === 0),
      figures: result,
    };
  },
};

type Run = (id: string, starting: Promise<RunningEnvoy>) => Promise<RunningEnvoy>;

async function start({ defer }: Context) {
  const [api = 0, web = 0, webIn = 0, delta = 0, sotw = 0] = await freePorts(5);
  const plane = await startServe(meshDocuments({ api, web, single: { delta, sotw } }));
  defer(() => plane.stop());
  const application = await startHttp1Echo();
  defer(() => application.stop());
  const envoys: Proxy[] = [];
  const run: Run = async (id, starting) => {
    const envoy = await starting;
    defer(() => envoy.stop());
    envoys.push({ id, envoy });
    return envoy;
  };
  const apiSide = { variant: 'delta', inbound: api, application: application.port } as const;
  await run(apiId, startSidecarEnvoy(plane, apiId, apiSide));
  const webSide = { variant: 'sotw', inbound: webIn, application: application.port } as const;
  await run(webId, startSidecarEnvoy(plane, webId, webSide));
  const clients: Client[] = [client('sidecar, state-of-the-world', web)];
  for (const [variant, port] of [
    ['delta', delta],
    ['sotw', sotw],
  ] as const) {
    await run(singleId(variant), startSingleTypeEnvoy(plane, variant));
    clients.push(client(`single-type services, ${variant}`, port));
    clients.push(await edge(plane, variant, api, run));
  }
  return { plane, clients, envoys };
}

async function edge(plane: ServeHarness, variant: Variant, apiPort: number, run: Run): Promise<Client> {
  const { dir } = await plane.enrol(ingressId);
  const made = edgeBootstrap({ trustDomain, dir, variant, xdsPort: plane.xdsPort, apiPort });
  const node = { id: `${ingressId}~${variant}`, cluster: 'ingress' };
  const envoy = await run(ingressId, startEnvoy({ ...made, node }));
  const port = await envoy.port('ingress');
  const ca = readFileSync(join(dir, 'bundle.pem'), 'utf8');
  const call = async (path: string): Promise<number> => statusOf(httpCall({ port, path, tls: { certificate: ca } }));
  return { name: `SDS-only edge, ${variant}`, call };
}

function client(name: string, port: number): Client {
  return { name, call: (path) => statusOf(httpCall({ port, path })) };
}

function statusOf(answer: Promise<{ readonly status: number }>): Promise<number> {
  return answer.then(
    ({ status }) => status,
    () => 0,
  );
}

/** One request after the other through each client, until it is stopped. */
function startLoad(clients: readonly Client[]) {
  let stopped = false;
  let failed = 0;
  const counts = new Map(clients.map(({ name }) => [name, 0]));
  const lanes = clients.map(async ({ name, call }) => {
    while (!stopped) {
      if ((await call('/open')) !== 200) failed += 1;
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  });
  return {
    /** Waits until each client has made `more` requests. */
    each: async (more: number): Promise<void> => {
      const goal = new Map([...counts].map(([name, count]) => [name, count + more]));
      const done = (): true | undefined =>
        [...counts].every(([name, count]) => count >= (goal.get(name) ?? 0)) ? true : undefined;
      await until(`${more} more requests through each`, 30_000, done);
    },
    stop: async () => {
      stopped = true;
      await Promise.all(lanes);
      return { requests: [...counts.values()].reduce((sum, count) => sum + count, 0), failed };
    },
  };
}

/** Milliseconds until every Envoy has another certificate than before. */
async function rotateAll(plane: ServeHarness, envoys: readonly Proxy[]): Promise<number> {
  const before = await Promise.all(envoys.map(({ envoy, id }) => serialOf(envoy, id)));
  const asked = performance.now();
  await plane.admin.rotate();
  const changed = async ({ envoy, id }: Proxy, index: number): Promise<void> => {
    await until(`${id} has another certificate`, 10_000, async () => {
      const now = await serialOf(envoy, id);
      return now !== undefined && now !== before[index] ? true : undefined;
    });
  };
  await Promise.all(envoys.map(changed));
  return Math.round(performance.now() - asked);
}

async function acceptedBy(envoys: readonly Proxy[]): Promise<ReadonlyMap<string, number>> {
  const all = await Promise.all(envoys.map(({ envoy }) => figuresOf(envoy)));
  return new Map(
    all.flatMap(({ accepted }, index) => [...accepted].map(([name, count]) => [`${index} ${name}`, count])),
  );
}

/** Responses by type since the control plane started. */
async function pushesOf({ metrics }: ServeHarness): Promise<ReadonlyMap<string, number>> {
  const text = await metrics();
  const lines = text.matchAll(/^cellwall_pushes_total\{type="([^"]*)"\} (\d+)/gm);
  return new Map([...lines].map(([, type = '', count]) => [type.slice(type.lastIndexOf('.') + 1), Number(count)]));
}
