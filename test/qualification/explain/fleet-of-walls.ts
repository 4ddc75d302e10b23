// One real Envoy a service, fed as in production: resolve → translate → lint → snapshot → cache → delta ADS.
import { ownSecret } from '../../../src/control/own-secret.ts';
import { createSnapshotMaker } from '../../../src/control/snapshot-maker.ts';
import type { Svid } from '../../../src/identity/svid.ts';
import type { GrpcMethods } from '../../../src/lib/grpc-call.ts';
import { silentLog } from '../../../src/lib/log.ts';
import type { NodeId } from '../../../src/lib/node-id.ts';
import { Redacted } from '../../../src/lib/redacted.ts';
import type { MeshIr, PortKey, ServiceIr, ServiceKey } from '../../../src/policy/ir.ts';
import type { Bundles } from '../../../src/translate/proxy.ts';
import { createSnapshotCache } from '../../../src/xds/resources/cache.ts';
import { createInterner } from '../../../src/xds/resources/interner.ts';
import type { Snapshot } from '../../../src/xds/resources/snapshot.ts';
import { typeUrls } from '../../../src/xds/resources/type-url.ts';
import { listenXds } from '../../../src/xds/server/listen.ts';
import { createXdsServer } from '../../../src/xds/server/server.ts';
import { adsBootstrap } from '../../support/ads-bootstrap.ts';
import { freePorts } from '../../support/free-ports.ts';
import { type RunningEnvoy, startEnvoy } from '../../support/start-envoy.ts';
import type { TestCa } from '../../support/test-ca.ts';
import { waitForConfig } from './wait-for-config.ts';

export interface FleetOfWalls {
  /** Gives every proxy what the mesh says, and waits until it is in force on all. */
  push(mesh: MeshIr): Promise<void>;
  /** Of a service's proxy, the inbound port for that port of the service, by its key. */
  port(key: string): number;
  stop(): Promise<void>;
}

export interface FleetOptions {
  readonly mesh: MeshIr;
  readonly ca: TestCa;
  readonly bundles: Bundles;
  readonly applications: { readonly http1: number; readonly http2: number };
  /** Beside ADS, as the access-log service. */
  readonly services?: readonly GrpcMethods[];
}

interface Wall {
  readonly key: ServiceKey;
  readonly node: NodeId;
  /** By the key of the service's port. */
  readonly ports: ReadonlyMap<PortKey, number>;
  readonly svid: Svid;
  readonly envoy: RunningEnvoy;
}

export async function startFleetOfWalls({
  mesh: first,
  ca,
  bundles,
  applications,
  services = [],
}: FleetOptions): Promise<FleetOfWalls> {
  const cache = createSnapshotCache();
  const nacks: string[] = [];
  const acks = new Map<NodeId, number>();
  const server = createXdsServer({
    cache,
    authenticate: (_, node) => node.id as NodeId,
    observe: (event) => {
      if (event.kind === 'acked' && event.typeUrl === typeUrls.listener) acks.set(event.node, event.revision);
      if (event.kind === 'nacked') nacks.push(`${event.node} ${event.typeUrl}: ${event.message}`);
    },
    log: silentLog,
  });
  const listener = await listenXds({ server, address: '127.0.0.1:0', log: silentLog, services });
  const maker = createSnapshotMaker({ interner: createInterner(), log: silentLog });
  const walls: Wall[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(walls.map(({ envoy }) => envoy.stop()));
    await listener.close();
  };
  try {
    for (const service of first.services.values()) {
      const node = `${service.spiffeId}~test` as NodeId;
      const free = await freePorts(service.ports.length);
      walls.push({
        key: service.key,
        node,
        ports: new Map(service.ports.map(({ id }, index) => [id, free[index] ?? 0])),
        svid: await svidOf(service, ca),
        envoy: await startEnvoy(adsBootstrap({ node, port: listener.port })),
      });
    }
  } catch (reason) {
    await stop();
    throw reason;
  }
  let revision = 0;
  return {
    async push(mesh) {
      revision += 1;
      nacks.length = 0;
      const inputs = { revision, documents: [], mesh, endpoints: new Map(), bundles };
      const snapshots: (readonly [Wall, Snapshot, boolean])[] = [];
      for (const wall of walls) {
        const service = mesh.services.get(wall.key);
        if (service === undefined) throw new Error(`the mesh lost ${wall.key}`);
        const shape = {
          spiffeId: service.spiffeId,
          service: service.key,
          ports: service.ports.map(({ id, port: name, protocol }) => ({
            name,
            inbound: { address: '127.0.0.1', port: wall.ports.get(id) ?? 0 },
            application: {
              address: '127.0.0.1',
              port: protocol === 'http1' || protocol === 'tcp' ? applications.http1 : applications.http2,
            },
          })),
        };
        const before = cache.get(wall.node);
        const snapshot = maker.make({ node: wall.node, shape, secret: ownSecret(wall.svid), before }, inputs);
        if ('withheld' in snapshot) throw new Error(`${wall.key} is sent nothing: ${snapshot.withheld}`);
        snapshots.push([wall, snapshot, listenerVersion(before) !== listenerVersion(snapshot)]);
      }
      for (const [wall, snapshot] of snapshots) cache.set(wall.node, snapshot);
      await Promise.all(
        snapshots.map(async ([{ envoy, node }, snapshot, changed]) => {
          await waitForConfig(envoy, snapshot, () => {
            if (nacks.length > 0) throw new Error(`refused by Envoy: ${nacks.join('; ')}`);
            return !changed || acks.get(node) === revision;
          });
        }),
      );
    },
    port(key) {
      const port = walls.map(({ ports }) => ports.get(key as PortKey)).find((one) => one !== undefined);
      if (port === undefined) throw new Error(`no proxy for ${key}`);
      return port;
    },
    stop,
  };
}

/** Of all its inbound listeners. */
function listenerVersion(snapshot: Snapshot | undefined): string | undefined {
  const listeners = [...(snapshot?.resources.get(typeUrls.listener)?.values() ?? [])];
  return JSON.stringify(listeners.map(({ name, version }) => [name, version]).sort());
}

async function svidOf({ spiffeId }: ServiceIr, ca: TestCa): Promise<Svid> {
  const { certificate, key } = await ca.issue({ uri: spiffeId });
  const now = Date.now();
  return {
    spiffeId,
    chain: certificate,
    key: new Redacted(key),
    serial: '01',
    notBefore: new Date(now - 60_000),
    notAfter: new Date(now + 3_600_000),
  };
}
