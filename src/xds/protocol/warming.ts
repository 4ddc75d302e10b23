// Dependents of what was pushed: a changed cluster or listener warms, and waits for them (see `dependents` in order.ts).
import { alwaysAgain, dependents } from '../resources/order.ts';
import { references } from '../resources/references.ts';
import type { TypeUrl } from '../resources/type-url.ts';
import { noNames, type Outcome } from './outcome.ts';
import { type StreamState, withSubscription } from './stream-state.ts';
import { everything, resend, type Subscription } from './subscription.ts';

/**
 * Marks the dependents of changed resources to be sent again: those that they newly refer to, and for some types all. After a NACK it is
 * unknown which state the client continues with: then all of them, too.
 */
export function warm(state: StreamState, referrer: Subscription, outcome: Outcome): StreamState {
  let next = state;
  for (const type of dependents.get(referrer.typeUrl) ?? []) {
    if (next.subscriptions[type] === undefined) continue;
    const all = referrer.spoiled || alwaysAgain.has(type);
    next = sendAgain(next, type, all ? outcome.referred() : outcome.newlyReferred());
  }
  return next;
}

/** A response was rejected: later ones relied on it. */
export function warmAfterRefusal(state: StreamState, { typeUrl, unanswered }: Subscription): StreamState {
  const names = new Set(unanswered.flatMap(({ countedOn }) => countedOn()));
  let next = state;
  for (const type of dependents.get(typeUrl) ?? []) if (!alwaysAgain.has(type)) next = sendAgain(next, type, names);
  return next;
}

function sendAgain(state: StreamState, type: TypeUrl, names: ReadonlySet<string>): StreamState {
  const subscription = state.subscriptions[type];
  if (subscription === undefined || names.size === 0) return state;
  return withSubscription(
    state,
    state.shared.derive(names, subscription, (from) => resend(from, names)),
  );
}

/** The names that a type's referrers, as pushed on this stream, wait for: claims from an earlier stream do not count for them. */
export function awaited(state: StreamState, typeUrl: TypeUrl): ReadonlySet<string> {
  let names: Set<string> | undefined;
  for (const [referrer, types] of dependents) {
    const subscription = state.subscriptions[referrer];
    if (!types.includes(typeUrl) || subscription?.last === undefined) continue;
    for (const [name, held] of everything(subscription)) {
      const brought = subscription.claims.get(name)?.version === held.version;
      if (!('value' in held) || brought) continue;
      names ??= new Set();
      for (const awaited of references(held)) names.add(awaited);
    }
  }
  return names ?? noNames;
}
