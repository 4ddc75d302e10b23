// The order of pushes, all reasons in one place. Make before break:
// https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#eventual-consistency-considerations
import { type TypeUrl, typeUrls } from './type-url.ts';

const { cluster, endpoint, secret, listener, route, extension } = typeUrls;

/**
 * New resources are sent in this order. A cluster precedes its endpoints and the secrets that it warms for; both precede the listeners and
 * routes that send traffic to it. Changed extension configs precede the listeners: a caller whose connections a changed listener cuts must
 * not come back under the old rules. Secrets and extension configs come a second time, for the listeners.
 */
export const pushOrder: readonly TypeUrl[] = [cluster, endpoint, secret, extension, listener, route, secret, extension];

/**
 * These send traffic to clusters, so they wait while a push of `clusterTypes` is unanswered: Envoy delays the ACK of CDS until its new
 * clusters are warm, for exactly this purpose. Not for ever, because one cluster that never warms must not block the rest. Extension
 * configs do not wait: a deny must take effect at once.
 */
export const waitForClusters: ReadonlySet<TypeUrl> = new Set([listener, route]);
/** While a push of one of these is unanswered, listeners and routes wait (`waitForClusters`). */
export const clusterTypes: readonly TypeUrl[] = [cluster, endpoint, secret];
/** How long they wait at most. */
export const clusterPatienceMs = 1000;

/**
 * Stale resources are removed afterwards, once the client has answered everything new: referrers before what they refer to. Listeners are
 * not among them, see `removedAtOnce`.
 */
export const removalOrder: readonly TypeUrl[] = [route, extension, cluster, endpoint, secret];

/**
 * Their removal is not told: a chain that drains still looks at its extension configs, which without them refuse every call of connections
 * that may stay open. The client forgets them when nothing refers to them any more.
 */
export const neverRemoved: ReadonlySet<TypeUrl> = new Set([extension]);

/** A new listener may take the address of the one it replaces, so both must be in one response. */
export const removedAtOnce: ReadonlySet<TypeUrl> = new Set([listener]);

/**
 * A changed cluster or listener warms: it requests what it newly refers to, but Envoy does not always send that request (the name is
 * subscribed already), so such dependents are sent again, changed or not (envoy#46383).
 */
export const dependents: ReadonlyMap<TypeUrl, readonly TypeUrl[]> = new Map([
  [cluster, [endpoint, secret]],
  [listener, [route, secret, extension]],
]);

/**
 * Each version of a cluster has its own subscription to its endpoints, so these are sent again with every changed one. Route configs,
 * secrets and extension configs are shared by Envoy between versions of a listener that refer to them in the same way.
 */
export const alwaysAgain: ReadonlySet<TypeUrl> = new Set([endpoint]);

/**
 * In state-of-the-world these two carry the full set, and what is absent is deleted; in other types absence means nothing:
 * https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#grouping-resources-into-responses
 */
export const fullSet: ReadonlySet<TypeUrl> = new Set([cluster, listener]);

/**
 * One bad extension config in a state-of-the-world response leaves the others half applied, and in neither variant are those of one
 * response applied in an order that we choose: so changed ones are sent one per response, in the order of filter-order.ts.
 */
export const oneAResponse: ReadonlySet<TypeUrl> = new Set([extension]);

/** Each proxy has its own: what one is sent is not what another is. */
export const oneProxys: ReadonlySet<TypeUrl> = new Set([secret]);
