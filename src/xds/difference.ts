// What a client lacks: its subscription against the resources of a snapshot.
import type { EncodedResource } from './snapshot.ts';
import { type ResourceMap, type Subscription, toldAbsent, unsent } from './subscription.ts';

export interface Difference {
  readonly changed: readonly EncodedResource[];
  /** Asked for and not there; to be told once. */
  readonly absent: readonly string[];
  /** Held, and no longer there. */
  readonly gone: readonly string[];
}

const none: Difference = { changed: [], absent: [], gone: [] };

export function difference(subscription: Subscription, resources: ResourceMap): Difference {
  if (subscription.reconciled === resources) return none;
  const changed: EncodedResource[] = [];
  for (const resource of selected(subscription, resources)) {
    const held = subscription.held.get(resource.name);
    if (held === resource) continue;
    if (held === undefined || held === unsent || held.version !== resource.version) changed.push(resource);
  }
  const absent: string[] = [];
  const gone: string[] = [];
  if (subscription.held === resources) return { changed, absent, gone };
  for (const [name, held] of subscription.held) {
    if (resources.has(name) || held === toldAbsent) continue;
    if (held === unsent) absent.push(name);
    else gone.push(name);
  }
  return { changed, absent, gone };
}

/** Those that the client asked for. */
export function selected(subscription: Subscription, resources: ResourceMap): readonly EncodedResource[] {
  if (subscription.wildcard !== 'none') return [...resources.values()];
  const found: EncodedResource[] = [];
  for (const name of subscription.names) {
    const resource = resources.get(name);
    if (resource !== undefined) found.push(resource);
  }
  return found;
}
