// The control plane's heart: documents, live endpoints and trust material in, snapshots out. Data flows one way; what comes
// back from proxies (connected, accepted, rejected) goes to the registry and from there in again as endpoints.
import type { Rotator } from '../identity/rotator.ts';
import type { Svid } from '../identity/svid.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { MeshIr } from '../policy/ir.ts';
import { resolve } from '../policy/resolve.ts';
import { type Acks, createAcks } from '../registry/acks.ts';
import { mayAdvertise, parseClaims } from '../registry/claims.ts';
import type { ProxyStatus } from '../registry/proxy-status.ts';
import type { RegisteredProxy, Registry } from '../registry/registry.ts';
import type { Store, StoreState } from '../store/store.ts';
import type { ProxyShape } from '../translate/proxy.ts';
import type { SnapshotCache } from '../xds/cache.ts';
import { createInterner } from '../xds/interner.ts';
import type { NodeKey } from '../xds/node.ts';
import type { StreamEvent } from '../xds/observer.ts';
import type { BundleSource } from './bundles.ts';
import { createCoalescer } from './coalesce.ts';
import { liveEndpoints } from './live-endpoints.ts';
import { ownSecret } from './own-secret.ts';
import { createSnapshotMaker, type Inputs } from './snapshot-maker.ts';

export interface ControlDeps {
  readonly store: Store;
  readonly bundles: BundleSource;
  readonly rotator: Rotator;
  readonly cache: SnapshotCache;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Changes that follow one another within this many milliseconds are pushed together. Default 50. */
  readonly windowMs?: number;
  /** Made by the composition root with `onRegistryChange` as its listener. */
  readonly registry: Registry;
}

export interface Control {
  /** Begins to follow the store. */
  start(): Promise<void>;
  mesh(): MeshIr | undefined;
  /** Revision of the documents in force. */
  revision(): number | undefined;
  proxies(): readonly ProxyStatus[];
  /** Listener for the stream server's events. */
  onStream(event: StreamEvent): void;
  /** Listener for the registry's changes. */
  onRegistryChange(change: { readonly node: string; readonly endpoints: boolean }): void;
  /** Listener for the rotator: a proxy's own SVID was renewed. */
  onSvid(node: string, svid: Svid): void;
  stop(): void;
}

export function createControl(deps: ControlDeps): Control {
  const { store, bundles, rotator, cache, registry, clock, log, metrics, windowMs = 50 } = deps;
  const interner = createInterner();
  const maker = createSnapshotMaker(interner, log.child({ room: 'translate' }));
  const acks: Acks = createAcks();
  const secrets = new Map<string, { readonly svid: Svid; readonly secret: ReturnType<typeof ownSecret> }>();
  let mesh: MeshIr | undefined;
  let revision: number | undefined;
  let inputs: Inputs | undefined;
  let unwatch = (): void => {};

  const refresh = (): Inputs | undefined => {
    const material = mesh === undefined ? undefined : bundles.current(mesh);
    if (mesh === undefined || revision === undefined || material === undefined) return undefined;
    inputs = { revision, mesh, endpoints: liveEndpoints(mesh, registry.proxies()), bundles: material };
    return inputs;
  };

  const publishOne = (from: Inputs, proxy: RegisteredProxy): void => {
    const own = secrets.get(proxy.node);
    // Held (no answer) rather than refused: an identity or a service may still come.
    if (own === undefined || !from.mesh.serviceOf.has(proxy.spiffeId)) return;
    // The registry's node is the verified one that the stream was authenticated as.
    const node = proxy.node as NodeKey;
    try {
      const snapshot = maker.make(from, shapeOf(from.mesh, proxy), own.secret, cache.get(node));
      if (snapshot !== undefined) cache.set(node, snapshot);
    } catch (reason) {
      log.error({ node, reason: String(reason) }, 'translation failed; the proxy keeps what it has');
    }
  };

  const publish = (): void => {
    const from = refresh();
    if (from === undefined) return;
    for (const proxy of registry.proxies()) if (proxy.state === 'connected') publishOne(from, proxy);
    metrics.setRevision(from.revision);
  };
  const coalescer = createCoalescer(clock, windowMs, publish);

  const adopt = async (state: StoreState, urgent: boolean): Promise<void> => {
    const resolved = resolve(state.documents);
    if (resolved.kind !== 'resolved') {
      // The store checks before it accepts; a state that does not resolve here is never put in force.
      log.error(
        { revision: state.revision, problems: resolved.problems.length },
        'documents do not resolve; the last good stay',
      );
      return;
    }
    if (bundles.current(resolved.mesh) === undefined) await bundles.make(resolved.mesh);
    // Making bundles takes a moment: an older state never replaces a newer one.
    if (revision !== undefined && state.revision < revision) return;
    ({ mesh } = resolved);
    ({ revision } = state);
    coalescer.request(urgent);
  };
  const adoptSafely = (state: StoreState, urgent: boolean): void => {
    adopt(state, urgent).catch((reason: unknown) =>
      log.error({ reason: String(reason) }, 'documents not adopted; the last good stay'),
    );
  };

  const secure = async (proxy: RegisteredProxy): Promise<void> => {
    const svid = await rotator.ensure(proxy.node, proxy.spiffeId);
    secrets.set(proxy.node, { svid, secret: ownSecret(svid) });
    const from = inputs ?? refresh();
    const now = registry.get(proxy.node);
    if (from !== undefined && now !== undefined) publishOne(from, now);
  };

  const connected = (event: Extract<StreamEvent, { kind: 'connected' }>): void => {
    const spiffeId = event.node.slice(0, event.node.lastIndexOf('~')) as RegisteredProxy['spiffeId'];
    const { inbound, application } = parseClaims(event.claims.metadata);
    const allowed =
      inbound === undefined || mayAdvertise(inbound, event.peer.address, mesh?.workloads.get(spiffeId)?.advertise);
    if (!allowed) {
      log.warn(
        { node: event.node, inbound, peer: event.peer.address },
        'address not registered: neither the address it connects from nor in its Workload.advertise',
      );
    }
    const before = registry.get(event.node);
    registry.connected({
      node: event.node,
      spiffeId,
      ...(inbound === undefined || !allowed ? {} : { inbound }),
      ...(application === undefined ? {} : { application }),
    });
    const proxy = registry.get(event.node);
    if (proxy === undefined) return;
    // A proxy that moved is not answered from what it was served at its old address.
    if (JSON.stringify(before?.inbound) !== JSON.stringify(proxy.inbound)) cache.delete(event.node);
    secure(proxy).catch((reason: unknown) =>
      log.error({ node: event.node, reason: String(reason) }, 'no SVID for the proxy'),
    );
  };

  const acceptedAll = (node: NodeKey): boolean => {
    const snapshot = cache.get(node);
    if (snapshot === undefined) return false;
    const acked = new Set(
      acks
        .of(node)
        .filter((type) => type.ackedRevision !== undefined)
        .map((type) => type.typeUrl),
    );
    for (const [typeUrl, names] of snapshot.resources) if (names.size > 0 && !acked.has(typeUrl)) return false;
    return true;
  };

  return {
    async start() {
      unwatch = store.watch((event) => {
        if (event.kind === 'state') adoptSafely(event.state, event.urgent);
        else for (const problem of event.problems) log.error({ ...problem }, 'documents refused; the last good stay');
      });
      try {
        await adopt(store.state(), true);
      } catch (reason) {
        log.error({ reason: String(reason) }, 'no documents yet: proxies are held until there are');
      }
    },
    mesh: () => mesh,
    revision: () => revision,
    proxies: () => registry.proxies().map((proxy) => statusOf(proxy, acks, secrets.get(proxy.node)?.svid, mesh)),
    onStream(event) {
      switch (event.kind) {
        case 'connected':
          connected(event);
          break;
        case 'sent':
          acks.sent(event.node, event.typeUrl, event.revision);
          metrics.pushed(event.typeUrl);
          break;
        case 'acked':
          acks.acked(event.node, event.typeUrl, event.revision, event.version);
          if (acceptedAll(event.node)) registry.accepted(event.node);
          break;
        case 'nacked':
          acks.nacked(event.node, event.typeUrl, event.revision, event.message);
          metrics.nacked(event.typeUrl);
          log.error(
            { node: event.node, typeUrl: event.typeUrl, revision: event.revision, message: event.message },
            'a proxy rejected its configuration',
          );
          break;
        case 'disconnected':
          registry.disconnected(event.node);
          break;
        default:
          event satisfies never;
      }
    },
    onRegistryChange({ node, endpoints }) {
      const proxy = registry.get(node);
      if (proxy === undefined) {
        acks.forget(node);
        secrets.delete(node);
        rotator.release(node);
        cache.delete(node as NodeKey);
      }
      if (endpoints) coalescer.request(false);
    },
    onSvid(node, svid) {
      secrets.set(node, { svid, secret: ownSecret(svid) });
      const proxy = registry.get(node);
      if (inputs !== undefined && proxy !== undefined) publishOne(inputs, proxy);
    },
    stop() {
      unwatch();
      coalescer.stop();
    },
  };
}

function shapeOf(mesh: MeshIr, { spiffeId, inbound, application }: RegisteredProxy): ProxyShape {
  const service = mesh.serviceOf.get(spiffeId);
  return {
    spiffeId,
    ...(service === undefined ? {} : { service }),
    ...(inbound === undefined ? {} : { inbound }),
    ...(application === undefined ? {} : { application }),
  };
}

function statusOf(proxy: RegisteredProxy, acks: Acks, svid: Svid | undefined, mesh: MeshIr | undefined): ProxyStatus {
  const service = mesh?.serviceOf.get(proxy.spiffeId);
  return {
    ...proxy,
    ...(service === undefined ? {} : { service }),
    types: acks.of(proxy.node),
    ...(svid === undefined ? {} : { certificate: { serial: svid.serial, notAfter: svid.notAfter.getTime() } }),
  };
}
