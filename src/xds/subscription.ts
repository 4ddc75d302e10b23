// One type's subscription on one stream: what the client asked for, and what it holds. A value; both variants share it.
// https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#how-the-client-specifies-what-resources-to-return
import { fullSet } from './order.ts';
import type { Sent } from './sent.ts';
import type { EncodedResource } from './snapshot.ts';
import type { TypeUrl } from './type-url.ts';

export type ResourceMap = ReadonlyMap<string, EncodedResource>;

/** What the client brought along from an earlier stream; the resource, if it is still the same. */
export interface Claim {
  readonly version: string;
  readonly resource?: EncodedResource;
}
/** What the client has of a name: the resource last sent on this stream, what it claims, or one of the two below. */
export type Held = EncodedResource | Claim;
/** To be sent, or to be told absent, whatever the client has. */
export const unsent: Held = { version: '' };
/** The client knows that there is no such resource; it is pushed when it appears. */
export const toldAbsent: Held = { version: '' };

export interface Subscription {
  readonly typeUrl: TypeUrl;
  /** `legacy`: it never named anything, which means all until it does. */
  readonly wildcard: 'none' | 'legacy' | 'explicit';
  readonly names: ReadonlySet<string>;
  /** Has the client ever named anything? From then on an empty list unsubscribes from all. */
  readonly named: boolean;
  readonly held: ReadonlyMap<string, Held>;
  /** A response is owed even if there is nothing to put in it: a client waits for it to finish its start. */
  readonly owed: boolean;
  /** State-of-the-world: the version that the client said in its first request, until it is compared. */
  readonly claimed: string;
  readonly lastNonce: string;
  /** When the last response was sent, monotonic. */
  readonly sentAt: number;
  /** Responses that were neither ACKed nor NACKed, oldest first, by nonce. */
  readonly unanswered: ReadonlyMap<string, Sent>;
  /** The last answer was a NACK. */
  readonly rejected: boolean;
  /** There was a NACK: what was sent since the stream began is not all that the client has. */
  readonly spoiled: boolean;
  /** The resources to which the client was last brought up; compared by identity. */
  readonly reconciled: ResourceMap | undefined;
}

export function openSubscription(typeUrl: TypeUrl): Subscription {
  return {
    typeUrl,
    wildcard: 'none',
    names: new Set(),
    named: false,
    held: new Map(),
    owed: false,
    claimed: '',
    lastNonce: '',
    sentAt: 0,
    unanswered: new Map(),
    rejected: false,
    spoiled: false,
    reconciled: undefined,
  };
}

/** Nothing named yet: all, for the two types of which a client may ask for all without saying so. */
export function subscribeLegacy(from: Subscription): Subscription {
  return fullSet.has(from.typeUrl) ? { ...from, wildcard: 'legacy', owed: true, reconciled: undefined } : from;
}

/** Names newly requested or requested again are always sent, changed or not. */
export function subscribe(from: Subscription, requested: readonly string[]): Subscription {
  if (requested.length === 0) return from;
  const names = new Set(from.names);
  const held = new Map(from.held);
  let { wildcard, owed } = from;
  for (const name of requested) {
    if (name !== '*') {
      names.add(name);
      held.set(name, unsent);
    } else {
      if (wildcard === 'none') owed = true;
      if (wildcard === 'explicit') for (const known of held.keys()) held.set(known, unsent);
      wildcard = 'explicit';
    }
  }
  return { ...from, wildcard, names, named: true, held, owed, reconciled: undefined };
}

/**
 * What is no longer wanted is forgotten. Of `*` and names together, dropping one needs a reply: the client cannot know
 * which of the two it owes a resource to.
 */
export function unsubscribe(from: Subscription, dropped: readonly string[]): Subscription {
  if (dropped.length === 0) return from;
  const names = new Set(from.names);
  const held = new Map(from.held);
  let { wildcard, owed } = from;
  for (const name of dropped) {
    if (name !== '*') {
      if (!names.delete(name)) continue;
      if (wildcard === 'none') held.delete(name);
      else held.set(name, unsent);
    } else if (wildcard !== 'none') {
      wildcard = 'none';
      owed = names.size > 0;
      for (const known of held.keys()) {
        if (names.has(known)) held.set(known, unsent);
        else held.delete(known);
      }
    }
  }
  return { ...from, wildcard, names, named: true, held, owed, reconciled: undefined };
}

/** The whole list of a state-of-the-world request, as the difference to what was wanted. */
export function replaceNames(from: Subscription, requested: readonly string[]): Subscription {
  if (requested.length === 0 && !from.named) return from.wildcard === 'legacy' ? from : subscribeLegacy(from);
  const wanted = new Set(requested);
  const dropped = [...from.names].filter((name) => !wanted.has(name));
  if (from.wildcard !== 'none' && !wanted.has('*')) dropped.push('*');
  const added = [...wanted].filter((name) => (name === '*' ? from.wildcard !== 'explicit' : !from.names.has(name)));
  return subscribe(unsubscribe(from, dropped), added);
}

export function wants(subscription: Subscription, name: string): boolean {
  return subscription.wildcard !== 'none' || subscription.names.has(name);
}

/** What a reconnecting client says that it has: not sent again if unchanged, and told if it is gone. */
export function claim(from: Subscription, claims: Iterable<readonly [string, Claim]>): Subscription {
  const held = new Map(from.held);
  for (const [name, claimed] of claims) if (wants(from, name)) held.set(name, claimed);
  return { ...from, held, owed: false, reconciled: undefined };
}

/** Marks what it holds of `names` to be sent again. */
export function resend(from: Subscription, names: ReadonlySet<string>): Subscription {
  const again: string[] = [];
  for (const name of names) {
    const have = from.held.get(name);
    if (have !== undefined && have !== toldAbsent && have !== unsent) again.push(name);
  }
  if (again.length === 0) return from;
  const held = new Map(from.held);
  for (const name of again) held.set(name, unsent);
  return { ...from, held, reconciled: undefined };
}
