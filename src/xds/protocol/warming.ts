// Dependents of what was pushed: a changed cluster or listener warms, and waits for them (see `dependents` in order.ts).
import { dependents } from '../resources/order.ts';
import { references } from '../resources/references.ts';
import type { EncodedResource } from '../resources/snapshot.ts';
import type { TypeUrl } from '../resources/type-url.ts';
import { type StreamState, withSubscription } from './stream-state.ts';
import { everything, resend } from './subscription.ts';

/** Marks the dependents of the changed resources to be sent again. */
export function warm(state: StreamState, typeUrl: TypeUrl, changed: readonly EncodedResource[]): StreamState {
  if (changed.length === 0) return state;
  let next = state;
  for (const type of dependents.get(typeUrl) ?? []) {
    const subscription = next.subscriptions.get(type);
    if (subscription === undefined) continue;
    next = withSubscription(
      next,
      changed.reduce((from, resource) => resend(from, references(resource)), subscription),
    );
  }
  return next;
}

/** The names that a type's referrers, as pushed on this stream, wait for: no claim from an earlier stream holds for them. */
export function awaited(state: StreamState, typeUrl: TypeUrl): ReadonlySet<string> {
  const names = new Set<string>();
  for (const [referrer, types] of dependents) {
    if (!types.includes(typeUrl)) continue;
    const subscription = state.subscriptions.get(referrer);
    if (subscription === undefined) continue;
    for (const [name, held] of everything(subscription)) {
      const brought = subscription.claims.get(name)?.version === held.version;
      if ('value' in held && !brought) for (const awaited of references(held)) names.add(awaited);
    }
  }
  return names;
}
