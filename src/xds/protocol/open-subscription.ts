// The subscription of a client that has requested nothing yet.
import type { TypeUrl } from '../resources/type-url.ts';
import { noneUnanswered, type Subscription } from './subscription.ts';

const opened = new Map<TypeUrl, Subscription>();

/** The same for all. */
export function openSubscription(typeUrl: TypeUrl): Subscription {
  const known = opened.get(typeUrl);
  if (known !== undefined) return known;
  const subscription: Subscription = {
    typeUrl,
    wildcard: 'none',
    names: new Set(),
    named: false,
    base: undefined,
    held: new Map(),
    claims: new Map(),
    claimed: '',
    owed: false,
    last: undefined,
    sentAt: 0,
    unanswered: noneUnanswered,
    refused: new Map(),
    spoiled: false,
  };
  opened.set(typeUrl, subscription);
  return subscription;
}
