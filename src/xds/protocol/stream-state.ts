// The state of one stream, a value, and what a step may ask of the stream. Nonces count within the stream only.
// https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#ack-nack-and-resource-type-instance-version

import type { Snapshot } from '../resources/snapshot.ts';
import type { TypeUrl } from '../resources/type-url.ts';
import type { Effect } from './effect.ts';
import type { SharedSteps } from './shared-steps.ts';
import { isUpToDate, type ResourceMap, type Subscription } from './subscription.ts';

export type Subscriptions = Readonly<Partial<Record<TypeUrl, Subscription>>>;

export interface StreamState {
  /** Shared with the streams in the same state. */
  readonly shared: SharedSteps;
  readonly subscriptions: Subscriptions;
}

/** What happens to a stream: a request, or a flush of the newest snapshot. */
export type StreamInput<Request> =
  | { readonly kind: 'request'; readonly request: Request }
  | { readonly kind: 'flush'; readonly snapshot: Snapshot; readonly now: number };

export interface Step {
  readonly state: StreamState;
  readonly effects: readonly Effect[];
}

/** The resources of a type of which there are none. */
export const nothing: ResourceMap = new Map();

/** The state before the first request. */
export function openStream(shared: SharedSteps): StreamState {
  return { shared, subscriptions: {} };
}

/** The same object if nothing has changed. */
export function withSubscription(state: StreamState, subscription: Subscription): StreamState {
  const { shared, subscriptions } = state;
  if (subscriptions[subscription.typeUrl] === subscription) return state;
  return { shared, subscriptions: { ...subscriptions, [subscription.typeUrl]: subscription } };
}

/**
 * Every response was answered, and nothing that there still is was rejected: stale resources may be removed. What was rejected and has
 * been withdrawn since is stale itself; a NACK of a response with nothing new in it rejects nothing.
 */
export function isSettled({ subscriptions }: StreamState, { resources, partial }: Snapshot): boolean {
  for (const { typeUrl, unanswered, refused } of Object.values(subscriptions)) {
    if (unanswered.length > 0) return false;
    const there = resources.get(typeUrl);
    for (const name of refused.keys()) if (there === undefined ? partial === true : there.has(name)) return false;
  }
  return true;
}

/** Nothing of the snapshot is left to be sent or removed: after an ACK, there is nothing to do until something changes. */
export function isComplete({ subscriptions }: StreamState, { resources, partial }: Snapshot): boolean {
  for (const subscription of Object.values(subscriptions)) {
    const its = resources.get(subscription.typeUrl);
    if (its === undefined && partial === true) continue;
    if (!isUpToDate(subscription, its ?? nothing)) return false;
  }
  return true;
}
