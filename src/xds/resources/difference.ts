// What a client lacks: its subscription against the resources of a snapshot.

import { heldOf, isUnsent, type ResourceMap, type Subscription, toldAbsent, wants } from '../protocol/subscription.ts';
import { changes } from './changes.ts';
import type { EncodedResource } from './snapshot.ts';

export interface Difference {
  readonly changed: readonly EncodedResource[];
  /** Requested but absent; to be reported once. */
  readonly absent: readonly string[];
  /** The client has it, but it no longer exists. */
  readonly gone: readonly string[];
}

export function difference(subscription: Subscription, resources: ResourceMap): Difference {
  const { base, held } = subscription;
  const changed: EncodedResource[] = [];
  const absent: string[] = [];
  const gone: string[] = [];
  const compare = (name: string): void => {
    const has = heldOf(subscription, name);
    const resource = resources.get(name);
    if (resource !== undefined) {
      if (has === undefined || isUnsent(has) || has.version !== resource.version) changed.push(resource);
    } else if (isUnsent(has)) absent.push(name);
    else if (has !== undefined && has !== toldAbsent) gone.push(name);
  };
  if (base === undefined) {
    for (const { name } of selected(subscription, resources)) compare(name);
    for (const name of held.keys()) if (!resources.has(name)) compare(name);
  } else {
    for (const name of changes(base, resources)) if (!held.has(name) && wants(subscription, name)) compare(name);
    for (const name of held.keys()) compare(name);
  }
  return { changed, absent, gone };
}

/** Those that the client requested. */
export function selected(subscription: Subscription, resources: ResourceMap): readonly EncodedResource[] {
  if (subscription.wildcard !== 'none') return [...resources.values()];
  const found: EncodedResource[] = [];
  for (const name of subscription.names) {
    const resource = resources.get(name);
    if (resource !== undefined) found.push(resource);
  }
  return found;
}
