// One type's subscription on one stream: what the client requested, and what it has. A value; both variants share it.
// https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#how-the-client-specifies-what-resources-to-return
import { fullSet } from '../resources/order.ts';
import type { EncodedResource } from '../resources/snapshot.ts';
import type { TypeUrl } from '../resources/type-url.ts';
import { internNames } from './interned-names.ts';
import type { Sent, SentMark } from './sent.ts';

export type ResourceMap = ReadonlyMap<string, EncodedResource>;

/** What the client brought from an earlier stream; the resource, if it is still the same. */
export interface Claim {
  readonly version: string;
  readonly resource?: EncodedResource;
}
/** What the client has for a name: the resource last sent on this stream, what it claims, or one of the two below. */
export type Held = EncodedResource | Claim;
/** To be sent, or reported absent, whatever the client has. */
const unsent: Held = { version: '' };
/** To be sent, or reported absent; and the client has nothing under this name, not even an earlier version. */
export const neverHad: Held = { version: '' };
/** The client knows that there is no such resource; it is pushed when it appears. */
export const toldAbsent: Held = { version: '' };

/** What a client said about a resource that it did not accept. */
export interface Refusal {
  readonly version: string;
  readonly message: string;
}

export interface Subscription {
  readonly typeUrl: TypeUrl;
  /** `legacy`: it never named anything, which means everything until it does. */
  readonly wildcard: 'none' | 'legacy' | 'explicit';
  readonly names: ReadonlySet<string>;
  /** Has the client ever named anything? From then on an empty list unsubscribes from all. */
  readonly named: boolean;
  /** The resources to which the client was last brought up: it has all those that it wants. */
  readonly base: ResourceMap | undefined;
  /** Where what it has differs from the base. */
  readonly held: ReadonlyMap<string, Held>;
  /** What it brought from an earlier stream. */
  readonly claims: ReadonlyMap<string, Claim>;
  /** State-of-the-world: the version in the client's first request, until it is compared. */
  readonly claimed: string;
  /** A response is owed even if it would be empty: a client waits for it to finish its start. */
  readonly owed: boolean;
  /** The newest response; undefined before the first. */
  readonly last: SentMark | undefined;
  /** When it was sent, monotonic. */
  readonly sentAt: number;
  /** Responses that were neither ACKed nor NACKed, oldest first. */
  readonly unanswered: readonly Sent[];
  /** Resources in responses that were rejected, and not accepted since: the client uses its previous versions. */
  readonly refused: ReadonlyMap<string, Refusal>;
  /** There was a NACK: what was sent since the stream began is not everything that the client has. */
  readonly spoiled: boolean;
}

/** What tells what a client has. */
export type Had = Pick<Subscription, 'base' | 'held' | 'names' | 'wildcard'>;

const nothing: ReadonlyMap<string, never> = new Map<string, never>();
export const noneUnanswered: readonly Sent[] = [];

/** Nothing named yet: everything, for the two types of which a client may request everything implicitly. */
export function subscribeLegacy(from: Subscription): Subscription {
  return fullSet.has(from.typeUrl) ? { ...from, wildcard: 'legacy', owed: true } : from;
}

/** Names newly requested or requested again are always sent, changed or not. */
export function subscribe(from: Subscription, requested: readonly string[]): Subscription {
  if (requested.length === 0) return from;
  const names = new Set(from.names);
  const star = requested.includes('*');
  // What a wildcard adds is not in the base; what is requested again is sent again.
  const whole = star && from.wildcard !== 'legacy';
  const held = whole ? everything(from) : new Map(from.held);
  if (star && from.wildcard === 'explicit') for (const known of held.keys()) held.set(known, unsent);
  // Resources in transit that were dropped meanwhile: it may keep them, or have forgotten them.
  if (whole) for (const name of onTheWay(from)) held.set(name, unsent);
  for (const name of requested) {
    if (name === '*') continue;
    held.set(name, names.has(name) || from.wildcard !== 'none' ? unsent : neverHad);
    names.add(name);
  }
  return {
    ...from,
    wildcard: star ? 'explicit' : from.wildcard,
    names: internNames(names),
    named: true,
    base: whole ? undefined : from.base,
    held: held.size === 0 ? nothing : held,
    owed: from.owed || (star && from.wildcard === 'none'),
  };
}

function onTheWay({ unanswered }: Subscription): readonly string[] {
  return unanswered.flatMap(({ changed }) => changed.map(({ name }) => name));
}

/**
 * What is no longer wanted is forgotten. With both `*` and names, dropping one needs a reply: the client cannot know for which of the two
 * it has a resource.
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
      for (const known of held.keys()) if (!names.has(known)) held.delete(known);
      for (const known of names) held.set(known, unsent);
    }
  }
  return { ...from, wildcard, names: internNames(names), named: true, held: held.size === 0 ? nothing : held, owed };
}

/** For what it no longer wants. */
export function forgiveUnwanted(from: Subscription): Subscription {
  if (from.refused.size === 0) return from;
  return forgive(
    from,
    [...from.refused.keys()].filter((name) => !wants(from, name)),
  );
}

/** For what is gone or no longer wanted, a rejection means nothing any more. */
export function forgive(from: Subscription, names: readonly string[]): Subscription {
  if (!names.some((name) => from.refused.has(name))) return from;
  const refused = new Map(from.refused);
  for (const name of names) refused.delete(name);
  return { ...from, refused };
}

/** The whole list of a state-of-the-world request, as the difference from what was wanted. */
export function replaceNames(from: Subscription, requested: readonly string[]): Subscription {
  if (requested.length === 0 && !from.named) return from.wildcard === 'legacy' ? from : subscribeLegacy(from);
  const wanted = new Set(requested);
  const dropped = [...from.names].filter((name) => !wanted.has(name));
  if (from.wildcard !== 'none' && !wanted.has('*')) dropped.push('*');
  const added = [...wanted].filter((name) => (name === '*' ? from.wildcard !== 'explicit' : !from.names.has(name)));
  return subscribe(unsubscribe(from, dropped), added);
}

/** Whether the client is to be sent a resource of this name, if it exists. */
export function wants(subscription: Pick<Subscription, 'names' | 'wildcard'>, name: string): boolean {
  return subscription.wildcard !== 'none' || subscription.names.has(name);
}

/** The client is to be sent what there is, whatever that is. */
export function isUnsent(held: Held | undefined): boolean {
  return held === unsent || held === neverHad;
}

/** What it is not known to have, it may have from an earlier stream. */
export function mayHave(from: Subscription): Subscription {
  const held = new Map([...from.held].map(([name, one]) => [name, one === neverHad ? unsent : one]));
  return { ...from, held };
}

/** What the client has for a name; undefined if it knows nothing about it. */
export function heldOf(subscription: Had, name: string): Held | undefined {
  const held = subscription.held.get(name);
  if (held !== undefined || subscription.base === undefined || !wants(subscription, name)) return held;
  return subscription.base.get(name) ?? toldAbsent;
}

/** Everything that the client has, by name. */
export function everything(subscription: Subscription): Map<string, Held> {
  const all = new Map<string, Held>();
  for (const name of subscription.names) {
    const held = heldOf(subscription, name);
    if (held !== undefined) all.set(name, held);
  }
  if (subscription.wildcard !== 'none') for (const [name, held] of subscription.base ?? nothing) all.set(name, held);
  for (const [name, held] of subscription.held) all.set(name, held);
  return all;
}

/** What a reconnecting client claims to have: not sent again if unchanged, and reported if it is gone. */
export function claim(from: Subscription, claims: ReadonlyMap<string, Claim>): Subscription {
  const held = new Map(from.held);
  for (const [name, claimed] of claims) if (wants(from, name)) held.set(name, claimed);
  return { ...from, held, claims, owed: false };
}

/** Marks what it has for `names` to be sent again. */
export function resend(from: Subscription, names: ReadonlySet<string>): Subscription {
  const again: string[] = [];
  for (const name of names) {
    const have = heldOf(from, name);
    if (have !== undefined && have !== toldAbsent && !isUnsent(have)) again.push(name);
  }
  if (again.length === 0) return from;
  const held = new Map<string, Held>(from.held);
  for (const name of again) held.set(name, unsent);
  return { ...from, held };
}

/** The client has all of `resources` that it wants. */
export function rebase(from: Subscription, resources: ResourceMap): Subscription {
  return { ...from, base: resources, held: nothing };
}

/**
 * Do clients in these states have the same, and want the same? Then the same resources lead to the same response. What was sent and not
 * answered, and what an earlier stream brought, make no difference to that.
 */
export function isAlike(a: Subscription, b: Subscription): boolean {
  return (
    a.names === b.names &&
    a.base === b.base &&
    a.held === b.held &&
    a.typeUrl === b.typeUrl &&
    a.wildcard === b.wildcard &&
    a.named === b.named &&
    a.owed === b.owed &&
    a.claimed === b.claimed &&
    a.spoiled === b.spoiled
  );
}

/** By identity of the resources: false does not mean that anything has to be sent. */
export function isUpToDate({ base, held, owed }: Subscription, resources: ResourceMap): boolean {
  return base === resources && held.size === 0 && !owed;
}
