// The state of one stream, a value, and what a step may ask of the stream. Nonces count within the stream only.
// https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#ack-nack-and-resource-type-instance-version

import type { Snapshot } from '../resources/snapshot.ts';
import type { TypeUrl } from '../resources/type-url.ts';
import type { Sent } from './sent.ts';
import type { Subscription } from './subscription.ts';

export interface StreamState {
  /** Makes this stream's nonces unlike those of any other. */
  readonly prefix: string;
  readonly count: number;
  readonly subscriptions: ReadonlyMap<TypeUrl, Subscription>;
}

/** What happens to a stream: a request, or a flush of the newest snapshot. */
export type StreamInput<Request> =
  | { readonly kind: 'request'; readonly request: Request }
  | { readonly kind: 'flush'; readonly snapshot: Snapshot; readonly now: number };

export type Effect =
  | { readonly kind: 'send'; readonly sent: Sent; readonly body: Buffer }
  /** Flush again in so many milliseconds, if nothing else makes it happen before. */
  | { readonly kind: 'later'; readonly ms: number }
  /** `refused`: resources of the type that were rejected earlier and not accepted since. */
  | { readonly kind: 'acked'; readonly sent: Sent; readonly refused: number }
  /** The client came with all of it: nothing is sent that it could answer. */
  | { readonly kind: 'kept'; readonly typeUrl: TypeUrl; readonly revision: number }
  | { readonly kind: 'nacked'; readonly sent: Sent; readonly message: string };

export interface Step {
  readonly state: StreamState;
  readonly effects: readonly Effect[];
}

export function openStream(prefix: string): StreamState {
  return { prefix, count: 0, subscriptions: new Map() };
}

export function withSubscription(state: StreamState, subscription: Subscription): StreamState {
  if (state.subscriptions.get(subscription.typeUrl) === subscription) return state;
  return { ...state, subscriptions: new Map(state.subscriptions).set(subscription.typeUrl, subscription) };
}

/** Every response was answered, the last of each type with an ACK, and nothing stands rejected: what is stale may go. */
export function isSettled(state: StreamState): boolean {
  for (const subscription of state.subscriptions.values()) {
    const { unanswered, rejected, refused } = subscription;
    if (unanswered.size > 0 || rejected || refused.size > 0) return false;
  }
  return true;
}
