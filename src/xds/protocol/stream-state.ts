// The state of one stream, a value, and what a step may ask of the stream. Nonces count within the stream only.
// https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#ack-nack-and-resource-type-instance-version

import type { Snapshot } from '../resources/snapshot.ts';
import type { TypeUrl } from '../resources/type-url.ts';
import type { Sent } from './sent.ts';
import type { SharedSteps } from './shared-steps.ts';
import type { Subscription } from './subscription.ts';

export type Subscriptions = Readonly<Partial<Record<TypeUrl, Subscription>>>;

export interface StreamState {
  /** What it has in common with the streams that stand alike. */
  readonly shared: SharedSteps;
  readonly subscriptions: Subscriptions;
}

/** What happens to a stream: a request, or a flush of the newest snapshot. */
export type StreamInput<Request> =
  | { readonly kind: 'request'; readonly request: Request }
  | { readonly kind: 'flush'; readonly snapshot: Snapshot; readonly now: number };

export type Effect =
  /** `frame`: with gRPC's prefix; other streams write the same bytes. */
  | { readonly kind: 'send'; readonly sent: Sent; readonly frame: Buffer }
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

export function openStream(shared: SharedSteps): StreamState {
  return { shared, subscriptions: {} };
}

export function withSubscription(state: StreamState, subscription: Subscription): StreamState {
  const { shared, subscriptions } = state;
  if (subscriptions[subscription.typeUrl] === subscription) return state;
  return { shared, subscriptions: { ...subscriptions, [subscription.typeUrl]: subscription } };
}

/** Every response was answered, the last of each type with an ACK, and nothing stands rejected: what is stale may go. */
export function isSettled({ subscriptions }: StreamState): boolean {
  for (const { unanswered, rejected, refused } of Object.values(subscriptions)) {
    if (unanswered.length > 0 || rejected || refused.size > 0) return false;
  }
  return true;
}
