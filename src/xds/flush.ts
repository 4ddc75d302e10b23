// Brings a client up to a snapshot, type by type in push order; the two variants differ only in how they respond.

import type { News } from './deliver.ts';
import { difference } from './difference.ts';
import { clusterPatienceMs, clusterTypes, pushOrder, removalOrder, waitForClusters } from './order.ts';
import type { Snapshot } from './snapshot.ts';
import { type Effect, isSettled, type Step, type StreamState, withSubscription } from './stream-state.ts';
import type { ResourceMap, Subscription } from './subscription.ts';
import type { TypeUrl } from './type-url.ts';

export interface Flushing {
  readonly state: StreamState;
  readonly subscription: Subscription;
  readonly resources: ResourceMap;
  readonly revision: number;
  readonly now: number;
  readonly news: News;
}

/** How a variant responds. */
export interface Responder {
  /** What is new: changed and absent ones, or a reply that is owed. */
  readonly push: (flushing: Flushing) => Step;
  /** What is gone, after everything new was accepted. */
  readonly remove: (flushing: Flushing) => Step;
}

const empty: ResourceMap = new Map();

export function flush(
  from: StreamState,
  { resources: all, revision }: Snapshot,
  now: number,
  responder: Responder,
): Step {
  let state = from;
  let later = 0;
  const effects: Effect[] = [];
  const run = (typeUrl: TypeUrl, respond: (flushing: Flushing) => Step): void => {
    const subscription = state.subscriptions.get(typeUrl);
    const resources = all.get(typeUrl) ?? empty;
    if (subscription === undefined || (subscription.reconciled === resources && !subscription.owed)) return;
    const wait = waitForClusters.has(typeUrl) ? clustersTake(state, now) : 0;
    if (wait > 0) {
      later = wait;
      return;
    }
    const news = difference(subscription, resources);
    const step = respond({ state, subscription, resources, revision, now, news });
    effects.push(...step.effects);
    state = reconcile(step.state, typeUrl, resources);
  };
  for (const typeUrl of pushOrder) run(typeUrl, responder.push);
  if (isSettled(state)) for (const typeUrl of removalOrder) run(typeUrl, responder.remove);
  if (later > 0) effects.push({ kind: 'later', ms: later });
  return { state, effects };
}

/** How long to wait yet for the answers about clusters. */
function clustersTake(state: StreamState, now: number): number {
  let wait = 0;
  for (const typeUrl of clusterTypes) {
    const subscription = state.subscriptions.get(typeUrl);
    if (subscription === undefined || subscription.unanswered.size === 0) continue;
    wait = Math.max(wait, subscription.sentAt + clusterPatienceMs - now);
  }
  return wait;
}

/** Remembers that nothing is left to tell, so that the next flush of the same resources looks at none of them. */
function reconcile(state: StreamState, typeUrl: TypeUrl, resources: ResourceMap): StreamState {
  const subscription = state.subscriptions.get(typeUrl);
  if (subscription === undefined) return state;
  const { changed, absent, gone } = difference(subscription, resources);
  if (changed.length + absent.length + gone.length > 0) return state;
  return withSubscription(state, { ...subscription, reconciled: resources });
}
