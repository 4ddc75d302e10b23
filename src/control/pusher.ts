// Turns what is in force into each proxy's snapshot in the cache. Owns the inputs of the current generation and the proxies' own secrets;
// knows neither streams nor stores.
import type { Svid } from '../identity/svid.ts';
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import type { Log } from '../lib/log.ts';
import type { NodeId } from '../lib/node-id.ts';
import { share } from '../lib/share.ts';
import type { DocumentsByKey } from '../model/origin.ts';
import type { Metrics } from '../observe/metrics.ts';
import { workloadOf } from '../policy/identities.ts';
import type { MeshIr } from '../policy/ir.ts';
import { portsOf } from '../registry/ports.ts';
import type { RejectedResource } from '../registry/proxy-status.ts';
import type { RegisteredProxy } from '../registry/registered-proxy.ts';
import type { Bundles, PortShape, ProxyShape } from '../translate/proxy.ts';
import type { SnapshotCache } from '../xds/resources/cache.ts';
import { createInterner } from '../xds/resources/interner.ts';
import type { EncodedResource, Snapshot } from '../xds/resources/snapshot.ts';
import type { StreamEvent } from '../xds/server/observer.ts';
import { createBindAgain } from './bind-again.ts';
import { liveEndpoints } from './live-endpoints.ts';
import { outdatedEnvoy } from './outdated-envoy.ts';
import { ownSecret } from './own-secret.ts';
import { type MadeBy, provenanceOf } from './provenance.ts';
import { createPublishQueue, urgencyOf } from './publish-queue.ts';
import { rejectedResources } from './rejected-resources.ts';
import { type SentToProxy, sentToProxy } from './sent-to-proxy.ts';
import { createSlices } from './slices.ts';
import { createSnapshotMaker, type Inputs, type Withheld } from './snapshot-maker.ts';

/** Documents in force, resolved, with their trust material. */
export interface InForce {
  readonly revision: number;
  readonly documents: DocumentsByKey;
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
  /** `withheld`: why it is not sent what is in force. */
  of(node: string): { readonly svid?: Svid; readonly withheld?: string };
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
  readonly metrics: Pick<Metrics, 'translated' | 'madeResources'>;
}

/** What is being made, in steps. */
interface Job {
  readonly proxy: RegisteredProxy;
  readonly from: Inputs;
  readonly steps: Generator<void, Snapshot | Withheld>;
}

export function createPusher({ cache, log, clock, metrics }: PusherDeps): Pusher {
  const interner = createInterner();
  const maker = createSnapshotMaker({
    ...{ interner, log },
    onTranslated: metrics.translated,
    onResources: metrics.madeResources,
  });
  const secrets = new Map<string, { readonly svid: Svid; readonly secret: EncodedResource }>();
  let inputs: Inputs | undefined;
  const withheld = new Map<string, string>();
  /** What it was last published, and from which inputs. */
  const latest = new Map<string, { readonly proxy: RegisteredProxy; readonly from: Inputs }>();
  /** Many consecutive rejections come from one proxy. */
  let asked: { readonly of: object; readonly madeBy: MadeBy } | undefined;
  const bindAgain = createBindAgain({
    clock,
    again(node) {
      const last = latest.get(node);
      if (last !== undefined) queue.add(last.proxy);
      slices.start();
    },
  });
  /** Still to be published from `inputs`. */
  const queue = createPublishQueue();
  let job: Job | undefined;
  let done: (() => void) | undefined;

  const inputsOf = (inForce: InForce, proxies: readonly RegisteredProxy[]): Inputs => {
    return { ...inForce, endpoints: share(inputs?.endpoints, liveEndpoints(inForce.mesh, proxies)) };
  };

  const begin = (from: Inputs, proxy: RegisteredProxy): Job | undefined => {
    const own = secrets.get(proxy.node);
    // Held (no answer) rather than refused: an identity or a service may still be added.
    if (
      own === undefined ||
      workloadOf(from.mesh.identities, proxy.spiffeId) === undefined ||
      outdatedEnvoy(from.mesh, proxy) !== undefined
    )
      return undefined;
    const { node } = proxy;
    const before = cache.get(nodeKey(node));
    const steps = maker.steps({ node, shape: shapeOf(from.mesh, proxy), secret: own.secret, before }, from);
    return { proxy, from, steps };
  };

  const finish = ({ proxy, from }: Job, snapshot: Snapshot | Withheld): void => {
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

  /** What made its last published resources. */
  const madeBy = (node: string): MadeBy => {
    const last = latest.get(node);
    if (last === undefined) return () => [];
    try {
      if (asked?.of !== last) {
        asked = { of: last, madeBy: provenanceOf(last.from, shapeOf(last.from.mesh, last.proxy)) };
      }
      return asked.madeBy;
    } catch (reason) {
      log.error({ node, reason: String(reason) }, 'the documents that made its resources cannot be determined');
      return () => [];
    }
  };

  return {
    pushAll(inForce, proxies, whenDone) {
      const from = inputsOf(inForce, proxies);
      const rank = urgencyOf(inputs?.mesh, from.mesh);
      inputs = from;
      job = undefined;
      done = whenDone;
      queue.fill(
        proxies.filter(({ state }) => state === 'connected'),
        rank,
      );
      slices.start();
    },
    pushOne(inForce, proxies, proxy) {
      inputs ??= inForce === undefined ? undefined : inputsOf(inForce, proxies());
      drop(proxy.node);
      queue.add(proxy);
      slices.start();
    },
    setSvid: (node, svid) => void secrets.set(node, { svid, secret: ownSecret(svid) }),
    of(node) {
      const svid = secrets.get(node)?.svid;
      const why = withheld.get(node);
      return defined({ svid, withheld: why });
    },
    hold(node) {
      drop(node);
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

function shapeOf(mesh: MeshIr, proxy: RegisteredProxy): ProxyShape {
  const { spiffeId, loopback6, singleServices } = proxy;
  const service = mesh.serviceOf.get(spiffeId);
  const ports = portsOf(proxy).flatMap(({ name, inbound, application }): PortShape[] =>
    inbound === undefined ? [] : [{ name, inbound, ...defined({ application }) }],
  );
  return {
    spiffeId,
    ...defined({ service }),
    ...(ports.length === 0 ? {} : { ports }),
    ...defined({ loopback6, singleServices }),
  };
}
