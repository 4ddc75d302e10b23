// The status of each resource on a stream: not sent yet, sent, accepted, rejected, or absent. Pure; for people.

import {
  everything,
  heldOf,
  isUnsent,
  type ResourceMap,
  type Subscription,
  toldAbsent,
  wants,
} from '../protocol/subscription.ts';
import type { EncodedResource } from '../resources/snapshot.ts';
import type { TypeUrl } from '../resources/type-url.ts';
import type { StreamView } from '../server/stream.ts';

export interface ResourceStatus {
  readonly typeUrl: TypeUrl;
  readonly name: string;
  /**
   * `synced`: sent and accepted. `not-sent`: wanted, not sent yet. `stale`: sent, not answered yet. `error`: rejected. `absent`: requested,
   * but it does not exist.
   */
  readonly status: 'synced' | 'not-sent' | 'stale' | 'error' | 'absent';
  /** Version of what was sent or, if nothing was, will be. */
  readonly version: string;
  /** As sent; undefined if it was not, or on an earlier stream. */
  readonly resource: EncodedResource | undefined;
  /** Why it was rejected. */
  readonly error?: string;
}

const empty: ResourceMap = new Map();

/** Of each type that the stream subscribes to, by name: what is wanted, and what was sent. */
export function resourceStatuses({ state, snapshot }: StreamView): readonly ResourceStatus[] {
  return Object.values(state.subscriptions).flatMap((subscription) => {
    const resources = snapshot?.resources.get(subscription.typeUrl) ?? empty;
    const names = new Set([...subscription.names, ...everything(subscription).keys()]);
    for (const name of resources.keys()) if (wants(subscription, name)) names.add(name);
    const waiting = new Set(subscription.unanswered.flatMap((sent) => sent.changed.map(({ name }) => name)));
    return [...names].sort().map((name) => statusOf(subscription, name, resources.get(name), waiting.has(name)));
  });
}

function statusOf(
  subscription: Subscription,
  name: string,
  current: EncodedResource | undefined,
  waiting: boolean,
): ResourceStatus {
  const { typeUrl } = subscription;
  const held = heldOf(subscription, name);
  const told = isUnsent(held) || held === toldAbsent ? undefined : held;
  const resource = told === undefined ? undefined : 'value' in told ? told : told.resource;
  const common = { typeUrl, name, version: told?.version ?? current?.version ?? '', resource };
  const refusal = subscription.refused.get(name);
  if (refusal !== undefined && refusal.version === current?.version) {
    return { ...common, status: 'error', error: refusal.message };
  }
  if (current === undefined) return { ...common, status: told === undefined ? 'absent' : 'stale' };
  if (waiting) return { ...common, status: 'stale' };
  return { ...common, status: told?.version === current.version ? 'synced' : 'not-sent' };
}
