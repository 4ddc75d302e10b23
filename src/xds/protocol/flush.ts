// Brings a client up to a snapshot, type by type in push order; the two variants differ only in how they respond.

import { clusterPatienceMs, clusterTypes, pushOrder, removalOrder, waitForClusters } from '../resources/order.ts';
import type { Snapshot } from '../resources/snapshot.ts';
import type { TypeUrl } from '../resources/type-url.ts';
import type { Effect } from './effect.ts';
import type { Phase, Responder } from './outcome.ts';
import { createSameStep } from './same-step.ts';
import type { SharedOutcome } from './shared-steps.ts';
import { isSettled, nothing, type Step, type StreamState, withSubscription } from './stream-state.ts';
import { forgive, isUpToDate, noneUnanswered, type ResourceMap, type Subscription } from './subscription.ts';
import { warm } from './warming.ts';

/** What a variant does in addition to responding. */
export interface FlushingVariant extends Responder {
  /** Before it is brought up to the resources: takes its claims into account. */
  readonly compare: (state: StreamState, subscription: Subscription, resources: ResourceMap) => Subscription;
}

/** Of a client that never answers, only the newest responses are remembered. */
const maxUnanswered = 256;

/** `now` is monotonic, in milliseconds. Removals follow once everything new was answered. */
export function flush(from: StreamState, snapshot: Snapshot, now: number, variant: FlushingVariant): Step {
  const { resources: all, revision, partial } = snapshot;
  let state = from;
  let later = 0;
  const effects: Effect[] = [];
  const run = (phase: Phase, typeUrl: TypeUrl): void => {
    const subscription = state.subscriptions[typeUrl];
    if (subscription === undefined) return;
    const resources = all.get(typeUrl) ?? nothing;
    if (isUpToDate(subscription, resources)) return;
    if (partial === true && !all.has(typeUrl)) return;
    const wait = waitForClusters.has(typeUrl) ? clustersTake(state, now) : 0;
    if (wait > 0) {
      later = wait;
      return;
    }
    const compared = phase === 'push' ? variant.compare(state, subscription, resources) : subscription;
    const outcome = state.shared.bring(phase, compared, resources, revision, variant);
    effects.push(...outcome.effects);
    const told = delivered.take(compared, { outcome, now }, () => deliver(compared, outcome, now));
    state = withSubscription(state, told);
    if (outcome.sent.length > 0) state = warm(state, compared, outcome);
  };
  for (const typeUrl of pushOrder) run('push', typeUrl);
  if (isSettled(state, snapshot)) for (const typeUrl of removalOrder) run('remove', typeUrl);
  if (later > 0) effects.push({ kind: 'later', ms: later });
  return { state, effects };
}

/** For how long streams that are sent the same count as sent it at the same time. */
const sameTimeMs = 20;
const delivered = createSameStep<{ readonly outcome: SharedOutcome; readonly now: number }, Subscription>(
  (a, b) => a.outcome === b.outcome && b.now - a.now < sameTimeMs,
);

/** What the client has from now on, and what it should answer. */
function deliver(from: Subscription, { base, held, owed, removed, sent }: SharedOutcome, now: number): Subscription {
  const last = sent.at(-1);
  if (last === undefined && from.base === base && from.held === held && from.owed === owed) return from;
  const told = { ...from, base, held, owed };
  if (last !== undefined) {
    const waiting = from.unanswered === noneUnanswered ? sent : [...from.unanswered, ...sent];
    told.unanswered = waiting.length > maxUnanswered ? waiting.slice(-maxUnanswered) : waiting;
    told.last = last.mark;
    told.sentAt = now;
  }
  return forgive(told, removed);
}

/** How much longer to wait for the answers about clusters. */
function clustersTake({ subscriptions }: StreamState, now: number): number {
  let wait = 0;
  for (const typeUrl of clusterTypes) {
    const subscription = subscriptions[typeUrl];
    if (subscription === undefined || subscription.unanswered.length === 0) continue;
    wait = Math.max(wait, subscription.sentAt + clusterPatienceMs - now);
  }
  return wait;
}
