// Everything that runs in the demo, started as far in parallel as it depends on each other.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defined } from '../../src/lib/defined.ts';
import { silentLog } from '../../src/lib/log.ts';
import { findEnvoy } from '../../src/sidecar/envoy/envoy-binary.ts';
import type { Tell } from '../story/tell.ts';
import { type Cellwall, createCellwall } from './cellwall.ts';
import { type Ci, startCi } from './ci.ts';
import type { ControlPlane } from './control-plane.ts';
import { addressesOf, type ControlPlanes, startControlPlanes } from './control-planes.ts';
import { type Documents, permissive, readDocuments, render, whileMigrating } from './documents.ts';
import { type Edge, startEdge } from './edge.ts';
import { fetchIdentity, type Identity } from './identities.ts';
import { createLegacyAuthority, type LegacyAuthority } from './legacy-authority.ts';
import { createLoadProcess, type LoadProcess } from './load-process.ts';
import { createPorts, type Ports } from './ports.ts';
import type { Processes } from './processes.ts';
import { type Sidecar, serviceOf, startSidecars } from './sidecars.ts';
import { type StandIns, startStandIns } from './stand-ins.ts';
import { startValkey } from './valkey.ts';
import { startWorker, type Worker, type WorkerPlan } from './worker.ts';

/** Callers without a sidecar. */
export const clients = {
  httpRouter: 'edge/http-router',
  cell1Gitlab: 'cell/cell-1/service/gitlab',
  cell2Gitlab: 'cell/cell-2/service/gitlab',
  stranger: 'unknown/stranger',
} as const;

export type Client = keyof typeof clients;

export interface World {
  readonly folder: string;
  /** What the control plane reads. */
  readonly documentsFolder: string;
  readonly documents: Documents;
  /** The port of the Redis that keeps the documents; absent: the folder does. */
  readonly redis?: number;
  readonly cellwall: Cellwall;
  /** All of them; commands ask the first. */
  readonly controlPlanes: ControlPlanes;
  readonly controlPlane: ControlPlane;
  readonly standIns: StandIns;
  readonly ci: Ci;
  readonly load: LoadProcess;
  readonly legacy: LegacyAuthority;
  readonly sidecars: readonly Sidecar[];
  readonly clients: Readonly<Record<Client, Identity>>;
  /** A load balancer before the REST port of topology-service that has its own listeners. */
  readonly edge: Edge;
  /** Policies that let anonymous callers in while callers are being moved. */
  readonly migrationPolicies: readonly string[];
  readonly ports: Ports;
  /** A service that only calls, with a sidecar of its own: for as long as a step wants it. */
  startWorker(plan: WorkerPlan): Promise<Worker>;
  /** Address of the sidecar before a port of a service: `name`, or `name:port`. */
  inbound(port: string): string;
  /** The loopback port on which the sidecar of `caller` takes calls for `target`. */
  outbound(caller: string, target: string): string;
  spiffeId(service: string): string;
  /** Fewer repetitions. */
  readonly quick: boolean;
  /** Requests of each protocol while certificates rotate; default: so many of all together. */
  readonly requestsEach?: number;
}

export interface WorldOptions {
  readonly folder: string;
  readonly processes: Processes;
  readonly tell: Tell;
  readonly quick: boolean;
  readonly store: 'directory' | 'redis';
  readonly requestsEach?: number;
}

/** What callers without an identity call, and the service that it is of. */
export const legacyPort = 'topology-service:rest';
export const legacyService = serviceOf(legacyPort);
const examples = fileURLToPath(new URL('../../examples/cells', import.meta.url));

export async function startWorld({ folder, processes, tell, store, ...options }: WorldOptions): Promise<World> {
  const inFolder = (name: string): string => {
    mkdirSync(join(folder, name), { recursive: true });
    return join(folder, name);
  };
  const [documentsFolder, data, logs] = [inFolder('documents'), inFolder('control-plane'), inFolder('logs')];
  const ports = createPorts();
  const address = async (): Promise<string> => `127.0.0.1:${await ports.next()}`;
  const plane = async () => ({ xds: await address(), identity: await address(), admin: await address() });
  const own = await plane();
  const addresses = store === 'redis' ? ([own, await plane()] as const) : ([own] as const);
  const planesAt = addressesOf(addresses.map((at) => ({ addresses: at })));
  const log = { ...silentLog, info: (_fields: object, message: string) => tell.note(message) };
  const envoy = await findEnvoy({ env: process.env, log });
  const cellwall = createCellwall(processes, {
    CELLWALL_ADMIN: own.admin,
    CELLWALL_DATA: data,
    CELLWALL_IDENTITY_ADDRESS: planesAt.identity,
    ENVOY_BIN: envoy,
    NO_COLOR: '1',
  });
  // The stand-ins and the control plane start side by side: neither knows of the other.
  const standInsStart = startStandIns(processes, join(logs, 'services.log'));
  const valkeyStart = startValkey({ processes, ports, folder: inFolder('valkey'), note: tell.note });
  const [ci, documents, legacy] = await Promise.all([
    startCi(inFolder('ci')),
    readDocuments(examples, ports),
    createLegacyAuthority('old-load-balancers'),
  ]);
  const acceptance = { service: legacyService, authority: legacy.name, certificates: legacy.certificate };
  for (const { name, documents: content } of permissive(documents, acceptance)) {
    writeFileSync(join(documentsFolder, name), render(content));
  }
  const migration = whileMigrating(documents.services);
  writeFileSync(join(documentsFolder, 'while-migrating.yaml'), migration.text);
  writeFileSync(join(documentsFolder, 'stranger.yaml'), strangerDocument(documents.trustDomain));
  const redis =
    store === 'redis' ? await startValkey({ processes, ports, folder: inFolder('redis'), note: tell.note }) : undefined;
  const started = Date.now();
  const [standIns, valkey, controlPlanes] = await Promise.all([
    standInsStart,
    valkeyStart,
    startControlPlanes({
      ...{ ...defined({ redis }), cellwall, addresses, documents: documentsFolder, data, logs },
      more: ['--attestors', ci.attestors, '--credentials', ci.credentials],
    }),
  ]);
  const [controlPlane] = controlPlanes;
  tell.held(
    `${redis === undefined ? 'control plane' : 'two control planes on one valkey'}, stand-in services and valkey`,
    `${seconds(started)}; xDS ${planesAt.xds}, admin ${own.admin}`,
  );
  const applications = new Map<string, number>([...Object.entries(standIns.ports), ['cell-1/valkey', valkey]]);
  const load = createLoadProcess(processes, join(logs, 'load.log'));
  const sidecarsStarted = Date.now();
  const spiffeOf = (path: string): string => `spiffe://${documents.trustDomain}/${path}`;
  const identities = { cellwall, controlPlane, folder: inFolder('clients') };
  const [sidecars, ...fetched] = await Promise.all([
    startSidecars({ cellwall, controlPlanes, ports, folder: inFolder('sidecars'), applications }),
    ...Object.entries(clients).map(
      async ([name, path]) => [name, await fetchIdentity(identities, name, spiffeOf(path))] as const,
    ),
  ]);
  const inbound = (port: string): string => {
    const found = sidecars.get(serviceOf(port))?.inbounds.get(port);
    if (found === undefined) throw new Error(`no sidecar of ${port}`);
    return found;
  };
  const edge = startEdge({
    processes,
    envoy,
    folder: inFolder('edge'),
    svidFolder: join(identities.folder, 'httpRouter'),
    trustDomain: documents.trustDomain,
    address: await address(),
    admin: await address(),
    xds: addresses.map(({ xds }) => xds),
    target: { spiffeId: spiffeOf(`service/${legacyService}`), address: inbound(legacyPort) },
  });
  tell.held(`${sidecars.size} sidecars serve, ${fetched.length} clients have a certificate`, seconds(sidecarsStarted));
  return {
    folder,
    documentsFolder,
    documents,
    ...defined({ redis }),
    cellwall,
    controlPlanes,
    controlPlane,
    standIns,
    ci,
    load,
    legacy,
    ...options,
    sidecars: [...sidecars.values()],
    clients: Object.fromEntries(fetched) as Record<Client, Identity>,
    migrationPolicies: migration.keys,
    edge,
    ports,
    startWorker: (plan) => startWorker(plan, { processes, cellwall, controlPlanes, folder: inFolder('worker') }),
    inbound,
    outbound(caller, target) {
      const found = documents.dependencies.find((item) => item.caller === caller && item.target === target);
      if (found === undefined) throw new Error(`${caller} does not declare ${target}`);
      return `127.0.0.1:${found.listen}`;
    },
    spiffeId(service) {
      const [name = '', cell] = serviceOf(service).split('/').reverse();
      return spiffeOf(cell === undefined ? `service/${name}` : `cell/${cell}/service/${name}`);
    },
  };
}

/** An identity of the mesh that no policy names. */
function strangerDocument(trustDomain: string): string {
  return `apiVersion: cellwall/v1
kind: Workload
metadata:
  name: stranger
spec:
  identity:
    spiffeId: spiffe://${trustDomain}/${clients.stranger}
`;
}

function seconds(since: number): string {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`;
}
