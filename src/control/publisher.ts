// From what is in force to each proxy's snapshot in the cache. Owns the inputs of the current generation and the proxies'
// own secrets; knows neither streams nor stores.
import type { Svid } from '../identity/svid.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { NodeId } from '../lib/node-id.ts';
import type { DocumentsByKey } from '../model/origin.ts';
import { workloadOf } from '../policy/identities.ts';
import type { MeshIr, ServiceKey } from '../policy/ir.ts';
import { portsOf } from '../registry/ports.ts';
import type { RejectedResource } from '../registry/proxy-status.ts';
import type { RegisteredProxy } from '../registry/registered-proxy.ts';
import type { Bundles, PortShape, ProxyShape } from '../translate/proxy.ts';
import type { SnapshotCache } from '../xds/resources/cache.ts';
import { createInterner } from '../xds/resources/interner.ts';
import type { EncodedResource } from '../xds/resources/snapshot.ts';
import type { StreamEvent } from '../xds/server/observer.ts';
import { createBindAgain } from './bind-again.ts';
import { liveEndpoints } from './live-endpoints.ts';
import { outdatedEnvoy } from './outdated-envoy.ts';
import { ownSecret } from './own-secret.ts';
import { type MadeBy, provenanceOf } from './provenance.ts';
import { rejectedResources } from './rejected-resources.ts';
import { type SentToProxy, sentToProxy } from './sent-to-proxy.ts';
import { createSnapshotMaker, type Inputs } from './snapshot-maker.ts';

/** Documents in force, resolved, with their trust material. */
export interface InForce {
  readonly revision: number;
  readonly documents: DocumentsByKey;
  readonly mesh: MeshIr;
  readonly bundles: Bundles;
}

export interface Publisher {
  /** Everything anew for all connected proxies; first for those whose rules changed, the others in the turns that follow. */
  publishAll(inForce: InForce, proxies: readonly RegisteredProxy[]): void;
  /** One proxy, from the inputs of the last `publishAll` (or these, if there was none). */
  publishOne(inForce: InForce | undefined, proxies: readonly RegisteredProxy[], proxy: RegisteredProxy): void;
  setSvid(node: string, svid: Svid): void;
  /** `withheld`: why what is in force is not sent to it. */
  of(node: string): { readonly svid?: Svid; readonly withheld?: string };
  /** The next stream of this node waits for a new snapshot. */
  hold(node: string): void;
  /** It rejected something; answers what. A listener whose port was taken is tried again. */
  nacked(event: Extract<StreamEvent, { readonly kind: 'nacked' }>): readonly RejectedResource[];
  /** Undefined without a snapshot. Throws where a resource cannot be read. */
  sentTo(node: string): SentToProxy | undefined;
  forget(node: string): void;
}

export function createPublisher(cache: SnapshotCache, log: Log, clock: Clock): Publisher {
  const maker = createSnapshotMaker(createInterner(), log);
  const secrets = new Map<string, { readonly svid: Svid; readonly secret: EncodedResource }>();
  let inputs: Inputs | undefined;
  const withheld = new Map<string, string>();
  /** As it was published to last, and from what. */
  const latest = new Map<string, { readonly proxy: RegisteredProxy; readonly from: Inputs }>();
  /** Many rejections in a row are of one proxy. */
  let asked: { readonly of: object; readonly madeBy: MadeBy } | undefined;
  const bindAgain = createBindAgain({
    clock,
    again(node) {
      const last = latest.get(node);
      if (inputs !== undefined && last !== undefined) publish(inputs, last.proxy);
    },
  });
  /** Still to be published from `inputs`, by node. */
  const waiting = new Map<string, RegisteredProxy>();

  const inputsOf = (inForce: InForce, proxies: readonly RegisteredProxy[]): Inputs => {
    return { ...inForce, endpoints: liveEndpoints(inForce.mesh, proxies) };
  };

  const publish = (from: Inputs, proxy: RegisteredProxy): void => {
    const own = secrets.get(proxy.node);
    // Held (no answer) rather than refused: an identity or a service may still come.
    if (
      own === undefined ||
      workloadOf(from.mesh.identities, proxy.spiffeId) === undefined ||
      outdatedEnvoy(from.mesh, proxy) !== undefined
    )
      return;
    const node = nodeKey(proxy.node);
    try {
      const snapshot = maker.make(from, shapeOf(from.mesh, proxy), own.secret, cache.get(node));
      if ('withheld' in snapshot) {
        withheld.set(proxy.node, snapshot.withheld);
        return;
      }
      withheld.delete(proxy.node);
      latest.set(proxy.node, { proxy, from });
      cache.set(node, bindAgain.apply(node, snapshot));
    } catch (reason) {
      withheld.set(proxy.node, 'it could not be translated');
      log.error({ node, reason: String(reason) }, 'translation failed; the proxy keeps what it has');
    }
  };

  /** One a turn of the event loop, so that what was published before is on its way meanwhile. */
  const publishWaiting = (): void => {
    const [next] = waiting.values();
    if (next === undefined || inputs === undefined) return;
    waiting.delete(next.node);
    publish(inputs, next);
    setImmediate(publishWaiting);
  };

  /** What made what it was published last. */
  const madeBy = (node: string): MadeBy => {
    const last = latest.get(node);
    if (last === undefined) return () => [];
    try {
      if (asked?.of !== last) {
        asked = { of: last, madeBy: provenanceOf(last.from, shapeOf(last.from.mesh, last.proxy)) };
      }
      return asked.madeBy;
    } catch (reason) {
      log.error({ node, reason: String(reason) }, 'what made its resources cannot be told');
      return () => [];
    }
  };

  return {
    publishAll(inForce, proxies) {
      const from = inputsOf(inForce, proxies);
      const authorizes = changedAuthorization(inputs?.mesh, from.mesh);
      inputs = from;
      const idle = waiting.size === 0;
      waiting.clear();
      const connected = proxies.filter(({ state }) => state === 'connected');
      const first = connected.filter(authorizes);
      // Without such a change all are alike.
      const later = first.length === 0 ? [] : connected.filter((proxy) => !authorizes(proxy));
      for (const proxy of first.length === 0 ? connected : first) publish(from, proxy);
      for (const proxy of later) waiting.set(proxy.node, proxy);
      if (idle) setImmediate(publishWaiting);
    },
    publishOne(inForce, proxies, proxy) {
      waiting.delete(proxy.node);
      inputs ??= inForce === undefined ? undefined : inputsOf(inForce, proxies);
      if (inputs !== undefined) publish(inputs, proxy);
    },
    setSvid: (node, svid) => void secrets.set(node, { svid, secret: ownSecret(svid) }),
    of(node) {
      const svid = secrets.get(node)?.svid;
      const why = withheld.get(node);
      return { ...(svid === undefined ? {} : { svid }), ...(why === undefined ? {} : { withheld: why }) };
    },
    hold(node) {
      waiting.delete(node);
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
      waiting.delete(node);
      secrets.delete(node);
      withheld.delete(node);
      cache.delete(nodeKey(node));
    },
  };
}

/** Whether a proxy enforces rules that are not what they were: a deny goes there first, however many others there are. */
function changedAuthorization(before: MeshIr | undefined, after: MeshIr): (proxy: RegisteredProxy) => boolean {
  const known = new Map<ServiceKey, boolean>();
  return ({ spiffeId }) => {
    const key = after.serviceOf.get(spiffeId);
    if (key === undefined || before === undefined) return false;
    const changed = known.get(key) ?? rulesOf(before, key) !== rulesOf(after, key);
    known.set(key, changed);
    return changed;
  };
}

function rulesOf({ services }: MeshIr, key: ServiceKey): string {
  const each = services.get(key)?.ports.map(({ port, authorization: { allow, deny, fallback } }) => {
    const rules = [allow, deny].map((list) =>
      list.map(({ id, principals, operations }) => [id, principals, operations]),
    );
    return [port, rules, fallback];
  });
  return JSON.stringify(each);
}

/** The registry's node is the verified one that the stream was authenticated as. */
function nodeKey(node: string): NodeId {
  return node as NodeId;
}

function shapeOf(mesh: MeshIr, proxy: RegisteredProxy): ProxyShape {
  const { spiffeId, loopback6, singleServices } = proxy;
  const service = mesh.serviceOf.get(spiffeId);
  const ports = portsOf(proxy).flatMap(({ name, inbound, application }): PortShape[] =>
    inbound === undefined ? [] : [{ name, inbound, ...(application === undefined ? {} : { application }) }],
  );
  return {
    spiffeId,
    ...(service === undefined ? {} : { service }),
    ...(ports.length === 0 ? {} : { ports }),
    ...(loopback6 === undefined ? {} : { loopback6 }),
    ...(singleServices === undefined ? {} : { singleServices }),
  };
}
