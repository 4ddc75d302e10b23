// The core of the control plane: documents, live endpoints and trust material in, snapshots out. Data flows one way; what comes back from
// proxies (connected, accepted, rejected) goes to the registry, and from there in again as endpoints.
import type { Rotator } from '../identity/rotator.ts';
import type { Svid } from '../identity/svid.ts';
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import type { Log } from '../lib/log.ts';
import type { NodeId } from '../lib/node-id.ts';
import { share } from '../lib/share.ts';
import type { Table } from '../lib/table.ts';
import { documentsByKey } from '../model/origin.ts';
import type { Problem } from '../model/problem.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { KeysFromIr, MeshIr } from '../policy/ir.ts';
import { createAcks } from '../registry/acks.ts';
import type { ProxyStatus } from '../registry/proxy-status.ts';
import type { RegisteredProxy, RegistryChange } from '../registry/registered-proxy.ts';
import type { Registry } from '../registry/registry.ts';
import type { ShownCertificate } from '../registry/shown-certificates.ts';
import type { Store, StoreState } from '../store/store.ts';
import type { ChangeTraces } from '../tracing/change-traces.ts';
import type { SnapshotCache } from '../xds/resources/cache.ts';
import type { StreamEvent } from '../xds/server/observer.ts';
import { acceptedAll } from './accepted-all.ts';
import { adoptable } from './adoptable.ts';
import type { BundleSource } from './bundles.ts';
import { type ChangedIdentities, changedIdentities } from './changed-identities.ts';
import { createCoalescer } from './coalesce.ts';
import { createKeptCuts, type Ended } from './kept-cuts.ts';
import { keysOf } from './keys-of.ts';
import { createOnConnected } from './on-connected.ts';
import { createOnStream } from './on-stream.ts';
import { createPusher, type InForce } from './pusher.ts';
import { whereNow } from './rejected-resources.ts';
import type { SentToProxy } from './sent-to-proxy.ts';
import { statusOfProxy } from './status-of-proxy.ts';
import { createTellArrived, type StateEvent } from './tell-arrived.ts';
import { withFetchedKeys } from './with-fetched-keys.ts';

export interface ControlDeps {
  readonly store: Store;
  readonly bundles: BundleSource;
  /** The keys that were fetched from there, of an issuer of tokens. Default: none. */
  readonly issuerKeys?: (from: KeysFromIr) => string | undefined;
  readonly rotator: Rotator;
  readonly cache: SnapshotCache;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly traces?: ChangeTraces | undefined;
  /** Changes that follow one another within this many milliseconds are pushed together. Default 50. */
  readonly windowMs?: number;
  readonly registry: Registry;
  /** Which certificate a proxy shows whose helper keeps its key. Absent: nobody knows. */
  readonly shown?: (node: string) => ShownCertificate | undefined;
  /** What was cut, remembered. */
  readonly cuts: Table;
  /** Called with the mesh as soon as it is in force, without its cuts. */
  readonly onMesh?: (mesh: MeshIr) => void;
  /** Called with identities that a change of the documents removes, and with those that it adds. */
  readonly onIdentities?: (change: ChangedIdentities) => void;
  /** Called after everything was published again: about documents, and which proxies serve. */
  readonly onPublished?: (mesh: MeshIr) => void;
}

export interface Control {
  /** Starts following the store. */
  start(): Promise<void>;
  mesh(): MeshIr | undefined;
  /** Revision of the documents in force. */
  revision(): number | undefined;
  /** The revision that the connected proxies' snapshots were last made from. */
  published(): number | undefined;
  proxies(): readonly ProxyStatus[];
  /** Undefined for one that has no snapshot. Throws if a resource cannot be read. */
  sentTo(node: string): SentToProxy | undefined;
  /** Listener for the stream server's events. */
  onStream(event: StreamEvent): void;
  /** Listener for the registry's changes. */
  onRegistryChange(change: RegistryChange): void;
  /** Cuts everything that an identity has open, now and when its last certificate has expired. */
  endIdentity(ended: Ended): void;
  /** Whom every proxy refuses from now on; pushed at once, before everything else. */
  ban(banned: MeshIr['banned']): void;
  /** Whether what it was last sent refuses those who are banned now. */
  refusesBanned(node: string): boolean;
  /** Listener for the rotator: a proxy's own SVID was renewed. */
  onSvid(node: string, svid: Svid): void;
  /** Listener for the trust bundle: every proxy is sent it at once. */
  onBundle(): void;
  /** Listener for fetched keys of issuers of tokens. */
  onIssuerKeys(): void;
  stop(): void;
}

export function createControl(deps: ControlDeps): Control {
  const { store, bundles, rotator, cache, registry, clock, log, metrics, traces } = deps;
  const {
    windowMs = 50,
    onMesh = () => {},
    onIdentities = () => {},
    onPublished = () => {},
    issuerKeys = () => undefined,
  } = deps;
  const complete = (mesh: MeshIr): MeshIr => withFetchedKeys(mesh, issuerKeys);
  const pusher = createPusher({ cache, log, clock, metrics, ...defined({ traces }) });
  const acks = createAcks(() => clock.now());
  let inForce: InForce | undefined;
  /** The mesh in force, without its cuts. */
  let adopted: MeshIr | undefined;
  let banned: MeshIr['banned'];
  let published: number | undefined;
  let unwatch = (): void => {};
  /** When the store accepted the oldest change that is not yet published. */
  let acceptedAt: number | undefined;

  const coalescer = createCoalescer(clock, windowMs, () => {
    if (inForce === undefined) return;
    const { revision, mesh } = inForce;
    traces?.pushing(revision);
    pusher.pushAll(inForce, registry.proxies(), () => {
      published = revision;
      traces?.made(revision);
      connected.end();
      if (acceptedAt !== undefined) metrics.applied(clock.monotonic() - acceptedAt);
      acceptedAt = undefined;
    });
    onPublished(mesh);
    metrics.setRevision(revision);
  });
  /** A part of what is in force, for every proxy at once. */
  const exchange = (part: (from: InForce) => Partial<InForce>): void => {
    inForce &&= { ...inForce, ...part(inForce) };
    coalescer.request(true);
  };
  const cuts = createKeptCuts({
    ...{ table: deps.cuts, clock, log },
    onChange: () => exchange(({ mesh }) => ({ mesh: cuts.apply(mesh) })),
  });

  const tellArrived = createTellArrived({ metrics, traces });
  const withBans = ({ banned: _, ...mesh }: MeshIr): MeshIr => (banned === undefined ? mesh : { ...mesh, banned });
  const adopt = (state: StoreState, urgent: boolean, event?: StateEvent): void => {
    const found = adoptable(state, inForce?.mesh, log);
    if (found === undefined) return;
    // Unchanged parts are the same objects from now on, so that nothing is generated from them again.
    const mesh = share(adopted, complete(withBans(found)));
    const material = bundles.of(mesh);
    if (inForce !== undefined && state.revision < inForce.revision) return;
    const before = inForce?.mesh;
    adopted = mesh;
    const { revision, documents } = state;
    inForce = { revision, documents, mesh: cuts.apply(mesh), bundles: material };
    onMesh(mesh);
    if (before !== undefined && before.identities !== mesh.identities) onIdentities(changedIdentities(before, mesh));
    if (before !== undefined && before.identities !== mesh.identities) connected.begin();
    tellArrived(revision, event);
    coalescer.request(urgent);
  };
  const readopt = (change: (mesh: MeshIr) => MeshIr): void => {
    if (adopted === undefined) return;
    const next = change(adopted);
    adopted = next;
    onMesh(next);
    exchange(() => ({ mesh: cuts.apply(next) }));
  };
  const adoptSafely = (event: StateEvent): void => {
    acceptedAt ??= clock.monotonic();
    try {
      adopt(event.state, event.urgent, event);
    } catch (reason) {
      log.error({ reason: String(reason) }, 'documents not adopted; the last good ones stay');
    }
  };

  const own = (node: string, svid: Svid): void => {
    const proxy = registry.get(node);
    if (proxy === undefined || (inForce !== undefined && keysOf(inForce.mesh, proxy) !== 'pushed')) return;
    pusher.setSvid(node, svid);
    pusher.pushOne(inForce, registry.proxies, proxy);
  };

  const connected = createOnConnected({
    ...{ registry, pusher, rotator, clock, log, own },
    serve: (proxy) => pusher.pushOne(inForce, registry.proxies, proxy),
    mesh: () => inForce?.mesh,
  });

  const tell = (problems: readonly Problem[]): void => {
    metrics.setProblems(problems.length);
    for (const problem of problems) log.error({ ...problem }, 'documents refused; the last good ones stay');
  };

  const acceptedMore = (node: NodeId): void => {
    if (registry.get(node)?.ready === false && acceptedAll(cache.get(node), acks.of(node))) registry.accepted(node);
  };

  const statusOf = (proxy: RegisteredProxy): ProxyStatus =>
    statusOfProxy(proxy, {
      ...(inForce === undefined ? {} : { mesh: inForce.mesh }),
      ...pusher.of(proxy.node),
      ...defined({ shown: deps.shown?.(proxy.node) }),
      types: acks.of(proxy.node).map((type) => whereNow(type, inForce && documentsByKey(inForce.documents))),
    });

  return {
    async start() {
      await cuts.restore();
      unwatch = store.watch((event) => {
        if (event.kind === 'state') adoptSafely(event);
        else if (event.kind === 'problems') tell(event.problems);
      });
      tell(store.problems());
      const state = store.state();
      if (state !== undefined) adopt(state, true);
    },
    mesh: () => inForce?.mesh,
    revision: () => inForce?.revision,
    published: () => published,
    proxies: () => registry.proxies().map(statusOf),
    sentTo: pusher.sentTo,
    onStream: createOnStream({
      connected: connected.connected,
      pusher,
      acks,
      registry,
      ...{ metrics, log, ...defined({ traces }) },
      accepted: acceptedMore,
    }),
    onRegistryChange({ node, endpoints }) {
      const proxy = registry.get(node);
      // Gone, or another replica's now.
      if (proxy === undefined || proxy.replica !== undefined) {
        acks.forget(node);
        pusher.forget(node);
        rotator.release(node);
      }
      if (endpoints) coalescer.request(false);
    },
    endIdentity: cuts.end,
    ban(now) {
      banned = now;
      readopt(withBans);
    },
    onIssuerKeys: () => readopt(complete),
    refusesBanned: (node) => pusher.isCurrent(node, banned),
    onSvid: own,
    onBundle: () => exchange(({ mesh }) => ({ bundles: bundles.of(mesh) })),
    stop() {
      unwatch();
      cuts.stop();
      coalescer.stop();
      pusher.stop();
    },
  };
}
