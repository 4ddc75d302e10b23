// Into how many responses what changed is divided.
import { oneAResponse } from '../resources/order.ts';
import type { EncodedResource } from '../resources/snapshot.ts';
import { heldOf, neverHad, type Subscription } from './subscription.ts';

/**
 * One, or for some types one for each resource, in the given order. But what the client has nothing of yet comes in one before the others:
 * whatever refers to it waits for all of it, so that no order counts.
 */
export function inResponses(
  subscription: Subscription,
  changed: readonly EncodedResource[],
): readonly (readonly EncodedResource[])[] {
  if (changed.length === 0) return [];
  if (!oneAResponse.has(subscription.typeUrl)) return [changed];
  const isFirst = ({ name }: EncodedResource): boolean => heldOf(subscription, name) === neverHad;
  const first = changed.filter(isFirst);
  const alone = changed.filter((one) => !isFirst(one)).map((one) => [one]);
  return first.length === 0 ? alone : [first, ...alone];
}
