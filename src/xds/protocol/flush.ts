// Brings a client up to a snapshot, type by type in push order; the two variants differ only in how they respond.

import { difference, selected } from '../resources/difference.ts';
import {
  clusterPatienceMs,
  clusterTypes,
  pushOrder,
  removalOrder,
  removedAtOnce,
  waitForClusters,
} from '../resources/order.ts';
import type { Snapshot } from '../resources/snapshot.ts';
import type { TypeUrl } from '../resources/type-url.ts';
import type { News } from './deliver.ts';
import { type Effect, isSettled, type Step, type StreamState, withSubscription } from './stream-state.ts';
import { isUpToDate, type ResourceMap, rebase, type Subscription } from './subscription.ts';

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
  /** Tells all that is changed or absent, and what is gone where that goes at once; or a reply that is owed. */
  readonly push: (flushing: Flushing) => Step;
  /** Tells what is gone, after everything new was accepted. */
  readonly remove: (flushing: Flushing) => Step;
}

const empty: ResourceMap = new Map();

export function flush(
  from: StreamState,
  { resources: all, revision, partial }: Snapshot,
  now: number,
  responder: Responder,
): Step {
  let state = from;
  let later = 0;
  const effects: Effect[] = [];
  const run = (phase: keyof Responder, typeUrl: TypeUrl): void => {
    const subscription = state.subscriptions.get(typeUrl);
    const resources = all.get(typeUrl) ?? empty;
    if (subscription === undefined || isUpToDate(subscription, resources)) return;
    if (partial === true && !all.has(typeUrl)) return;
    const wait = waitForClusters.has(typeUrl) ? clustersTake(state, now) : 0;
    if (wait > 0) {
      later = wait;
      return;
    }
    const news = difference(subscription, resources);
    const step = responder[phase]({ state, subscription, resources, revision, now, news });
    effects.push(...step.effects);
    const nothingSaid = phase === 'push' && step.effects.length === 0;
    // The first look at what this client wants, and it has it all: from an earlier stream.
    if (nothingSaid && subscription.base === undefined && selected(subscription, resources).length > 0) {
      effects.push({ kind: 'kept', typeUrl, revision });
    }
    state = step.state;
    const told = state.subscriptions.get(typeUrl);
    if (told !== undefined && leftNothing(phase, typeUrl, news))
      state = withSubscription(state, rebase(told, resources));
  };
  for (const typeUrl of pushOrder) run('push', typeUrl);
  if (isSettled(state)) for (const typeUrl of removalOrder) run('remove', typeUrl);
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

/** Did this phase tell all the news? */
function leftNothing(phase: keyof Responder, typeUrl: TypeUrl, { changed, absent, gone }: News): boolean {
  if (phase === 'push') return gone.length === 0 || removedAtOnce.has(typeUrl);
  return changed.length + absent.length === 0;
}
