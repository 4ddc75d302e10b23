// Turns what is in force into each proxy's snapshot in the cache. Owns the inputs of the current generation and the proxies' own secrets;
// knows neither streams nor stores.
import type { Svid } from '../identity/svid.ts';
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import type { Log } from '../lib/log.ts';
import type { NodeId } from '../lib/node-id.ts';
import { trace } from '../lib/trace.ts';
import type { ParsedDocument } from '../model/parsed-document.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { MeshIr } from '../policy/ir.ts';
import type { RejectedResource } from '../registry/proxy-status.ts';
import type { RegisteredProxy } from '../registry/registered-proxy.ts';
import type { ChangeTraces } from '../tracing/change-traces.ts';
import type { Bundles } from '../translate/proxy.ts';
import type { SnapshotCache } from '../xds/resources/cache.ts';
import { createInterner } from '../xds/resources/interner.ts';
import type { EncodedResource, Snapshot } from '../xds/resources/snapshot.ts';
import type { StreamEvent } from '../xds/server/observer.ts';
import { createBindAgain } from './bind-again.ts';
import { createConcerned } from './concerned.ts';
import { createLiveEndpoints } from './live-endpoints.ts';
import { ownSecret } from './own-secret.ts';
import { traceOptions } from './part-maker.ts';
import { createProvenance, type MadeBy, type Published } from './provenance.ts';
import { createPublishQueue, urgencyOf } from './publish-queue.ts';
import { rejectedResources } from './rejected-resources.ts';
import { type SentToProxy, sentToProxy } from './sent-to-proxy.ts';
import { shapeToServe } from './shape-of-proxy.ts';
import { createSlices } from './slices.ts';
import { createSnapshotMaker, type Inputs, type Withheld } from './snapshot-maker.ts';

/** Documents in force, resolved, with their trust material. */
export interface InForce {
  readonly revision: number;
  readonly documents: readonly ParsedDocument[];
  readonly mesh: MeshIr;
  readonly bundles: Bundles;
}

export interface Pusher {
  /**
   * Publishes to all connected proxies, over several turns of the event loop: first those that deny more than before, then those whose
   * rules changed, then those that have just connected. `done` is called when all have it, unless another call came first.
   */
  pushAll(inForce: InForce, proxies: readonly RegisteredProxy[], done?: () => void): void;
  /** One proxy, from the inputs of the last `pushAll` (or these, if there was none). */
  pushOne(inForce: InForce | undefined, proxies: () => readonly RegisteredProxy[], proxy: RegisteredProxy): void;
  setSvid(node: string, svid: Svid): void;
  /** Forgets its SVID, with the key. */
  dropSvid(node: string): void;
  /** `withheld`: why it is not sent what is in force. */
  of(node: string): { readonly svid?: Svid; readonly withheld?: string };
  /** Whether its snapshot was made with these bans. */
  isCurrent(node: string, banned: MeshIr['banned']): boolean;
  /** The next stream of this node waits for a new snapshot. */
  hold(node: string): void;
  /** It rejected something; returns what. A listener whose port was taken is retried. */
  nacked(event: Extract<StreamEvent, { readonly kind: 'nacked' }>): readonly RejectedResource[];
  /** Undefined without a snapshot. Throws if a resource cannot be read. */
  sentTo(node: string): SentToProxy | undefined;
  forget(node: string): void;
  stop(): void;
}

export interface PusherDeps {
  readonly cache: SnapshotCache;
  readonly log: Log;
  readonly clock: Clock;
  readonly metrics: Pick<Metrics, 'translated' | 'madeResources' | 'linted'>;
  readonly traces?: Pick<ChangeTraces, 'encoding'>;
}

/** What is being made, in steps. */
interface Job {
  readonly proxy: RegisteredProxy;
  readonly from: Inputs;
  /** What decides how it is made: where that was read. */
  readonly paths: readonly string[];
  readonly steps: Generator<void, Snapshot | Withheld>;
}

export function createPusher({ cache, log, clock, metrics, traces }: PusherDeps): Pusher {
  const interner = createInterner();
  const maker = createSnapshotMaker({
    ...{ interner, log, ...defined({ encoding: traces?.encoding }) },
    onTranslated: metrics.translated,
    onResources(count) {
      metrics.madeResources(count);
      metrics.linted(count);
    },
  });
  const secrets = new Map<string, { readonly svid: Svid; readonly secret: EncodedResource }>();
  let inputs: Inputs | undefined;
  const withheld = new Map<string, string>();
  const latest = new Map<string, Published>();
  const bindAgain = createBindAgain({
    clock,
    again(node) {
      const last = latest.get(node);
      if (last !== undefined) queue.add(last.proxy);
      slices.start();
    },
  });
  /** Still to be published from `inputs`. Whoever is not there has what would be made of them. */
  const queue = createPublishQueue();
  const concerned = createConcerned();
  let job: Job | undefined;
  let done: (() => void) | undefined;

  const endpoints = createLiveEndpoints();
  const inputsOf = (inForce: InForce, proxies: readonly RegisteredProxy[]): Inputs => {
    return { ...inForce, endpoints: endpoints.of(inForce.mesh, proxies) };
  };

  const begin = (from: Inputs, proxy: RegisteredProxy): Job | undefined => {
    const { node } = proxy;
    const own = secrets.get(node);
    if (own === undefined && proxy.secrets === undefined) return undefined;
    const { value: shape, paths } = trace(from, ({ mesh }) => shapeToServe(mesh, proxy), traceOptions);
    // Held (no answer) rather than refused: an identity or a service may still come.
    if (shape === undefined) {
      concerned.set(node, [paths]);
      return undefined;
    }
    const isLocal = shape.secrets !== undefined;
    if (own === undefined && !isLocal) return undefined;
    const before = cache.get(nodeKey(node));
    const steps = maker.steps({ node, shape, secret: isLocal ? undefined : own?.secret, before }, from);
    return { proxy, from, paths, steps };
  };

  const finish = ({ proxy, from, paths }: Job, snapshot: Snapshot | Withheld): void => {
    concerned.set(proxy.node, [paths, ...maker.paths(proxy.node)]);
    if ('withheld' in snapshot) {
      withheld.set(proxy.node, snapshot.withheld);
      return;
    }
    withheld.delete(proxy.node);
    latest.set(proxy.node, { proxy, from });
    cache.set(nodeKey(proxy.node), bindAgain.apply(proxy.node, snapshot));
  };

  const step = (): boolean => {
    if (job === undefined) {
      const next = inputs === undefined ? undefined : queue.take();
      if (next === undefined || inputs === undefined) {
        const tell = done;
        done = undefined;
        tell?.();
        return false;
      }
      job = begin(inputs, next);
      return true;
    }
    const current = job;
    try {
      const made = current.steps.next();
      if (made.done !== true) return true;
      job = undefined;
      finish(current, made.value);
    } catch (reason) {
      job = undefined;
      const { node } = current.proxy;
      concerned.forget(node);
      withheld.set(node, 'it could not be translated');
      log.error({ node, reason: String(reason) }, 'translation failed; the proxy keeps what it has');
    }
    return true;
  };
  const slices = createSlices({ clock, step });
  /** Nothing more is made for it. */
  const drop = (node: string): void => {
    queue.drop(node);
    if (job?.proxy.node === node) job = undefined;
  };

  const provenance = createProvenance(log);
  /** What made its last published resources. */
  const madeBy = (node: string): MadeBy => provenance(node, latest.get(node));

  return {
    pushAll(inForce, proxies, whenDone) {
      const from = inputsOf(inForce, proxies);
      const rank = urgencyOf(inputs?.mesh, from.mesh);
      const those = inputs === undefined ? undefined : concerned.by(inputs, from);
      if (job !== undefined) queue.add(job.proxy);
      const isDue = (node: string): boolean => those?.has(node) !== false || !concerned.has(node) || queue.has(node);
      const isHere = ({ state, replica }: RegisteredProxy): boolean => state === 'connected' && replica === undefined;
      // What a proxy misses while it is not connected, it gets with the next change at the latest, whatever that is about.
      const missing = proxies.filter((proxy) => !isHere(proxy) && isDue(proxy.node));
      // Nobody else keeps a state that is over.
      for (const [node, { proxy }] of latest) if (!isDue(node)) latest.set(node, { proxy, from });
      inputs = from;
      job = undefined;
      done = whenDone;
      queue.fill(
        proxies.filter((proxy) => isHere(proxy) && isDue(proxy.node)),
        rank,
      );
      for (const { node } of missing) concerned.forget(node);
      slices.start();
    },
    pushOne(inForce, proxies, proxy) {
      inputs ??= inForce === undefined ? undefined : inputsOf(inForce, proxies());
      drop(proxy.node);
      queue.add(proxy);
      slices.start();
    },
    setSvid: (node, svid) => void secrets.set(node, { svid, secret: ownSecret(svid) }),
    dropSvid: (node) => void secrets.delete(node),
    of(node) {
      const svid = secrets.get(node)?.svid;
      const why = withheld.get(node);
      return defined({ svid, withheld: why });
    },
    isCurrent(node, banned) {
      const waits = queue.has(node) || job?.proxy.node === node || withheld.has(node);
      return !waits && cache.get(nodeKey(node)) !== undefined && latest.get(node)?.from.mesh.banned === banned;
    },
    hold(node) {
      drop(node);
      concerned.forget(node);
      cache.delete(nodeKey(node));
    },
    nacked(event) {
      const { node, message } = event;
      bindAgain.nacked(node, message, cache.get(node));
      return rejectedResources(event, madeBy(node));
    },
    sentTo(node) {
      const snapshot = cache.get(nodeKey(node));
      return snapshot && sentToProxy(node, snapshot, madeBy(node));
    },
    forget(node) {
      bindAgain.forget(node);
      latest.delete(node);
      drop(node);
      concerned.forget(node);
      maker.forget(node);
      secrets.delete(node);
      withheld.delete(node);
      cache.delete(nodeKey(node));
    },
    stop: slices.stop,
  };
}

/** The registry's node is the verified one as which the stream was authenticated. */
function nodeKey(node: string): NodeId {
  return node as NodeId;
}
