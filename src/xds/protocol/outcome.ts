// What is needed to bring a client up to date: the responses, and what the client has once it received them. Pure; the same for all clients
// in the same state (`isAlike`), so that it is computed once for all of them (shared-steps.ts).
import { difference, selected } from '../resources/difference.ts';
import { filterOrder } from '../resources/filter-order.ts';
import { dependents, oneAResponse, removedAtOnce } from '../resources/order.ts';
import { newReferences, references } from '../resources/references.ts';
import type { EncodedResource } from '../resources/snapshot.ts';
import type { TypeUrl } from '../resources/type-url.ts';
import {
  type Had,
  type Held,
  heldOf,
  type ResourceMap,
  rebase,
  type Subscription,
  toldAbsent,
} from './subscription.ts';

/** What the client learns. */
export interface News {
  readonly changed: readonly EncodedResource[];
  readonly absent: readonly string[];
  readonly gone: readonly string[];
}

/** A response without its nonce. */
export interface Draft {
  readonly version: string;
  readonly carried: readonly EncodedResource[];
  readonly changed: readonly EncodedResource[];
  /** Names that do not exist, or no longer; delta reports them. */
  readonly removed: readonly string[];
}

/** A subscription and what it should be brought up to. */
export interface Bringing {
  readonly subscription: Subscription;
  readonly resources: ResourceMap;
  readonly revision: number;
  readonly news: News;
}

/**
 * `push` sends everything that is changed or absent, and what is removed at once; `remove` sends what is removed once everything else was
 * accepted.
 */
export type Phase = 'push' | 'remove';

export interface Responded {
  /** What the client then knows. */
  readonly subscription: Subscription;
  readonly drafts: readonly Draft[];
  /** Names that it now knows to be absent. */
  readonly removed: readonly string[];
}

/** How a variant responds. */
export interface Responder {
  respond(phase: Phase, bringing: Bringing): Responded;
  frame(draft: Draft, typeUrl: TypeUrl, nonce: string): Buffer;
}

export interface Outcome {
  /** What the client then has. */
  readonly base: Subscription['base'];
  readonly held: Subscription['held'];
  readonly owed: boolean;
  readonly drafts: readonly Draft[];
  /** Names that it now knows to be absent. */
  readonly removed: readonly string[];
  /** The first evaluation of what this client wants, and it has everything already, from an earlier stream. */
  readonly kept: boolean;
  /** What the changed resources refer to, and did not refer to, or not in this way, before. Computed on demand. */
  readonly referred: () => ReadonlySet<string>;
  readonly newlyReferred: () => ReadonlySet<string>;
}

export const noNames: ReadonlySet<string> = new Set();

/**
 * `responder` decides, by variant, which responses the difference needs; this keeps account of what the client has
 * after them.
 */
export function bring(
  phase: Phase,
  subscription: Subscription,
  resources: ResourceMap,
  revision: number,
  responder: Responder,
): Outcome {
  const news = inOrder(difference(subscription, resources), subscription, resources);
  const {
    subscription: learnt,
    drafts,
    removed,
  } = responder.respond(phase, { subscription, resources, revision, news });
  const { base, held } = leftNothing(phase, subscription.typeUrl, news) ? rebase(learnt, resources) : learnt;
  const { base: hadBase, held: hadHeld, names, wildcard } = subscription;
  const referrers = dependents.has(subscription.typeUrl) ? drafts.flatMap((draft) => draft.changed) : [];
  return {
    base,
    held,
    owed: learnt.owed,
    drafts,
    removed,
    kept:
      phase === 'push' &&
      drafts.length === 0 &&
      subscription.base === undefined &&
      selected(subscription, resources).length > 0,
    ...referrals(referrers, { base: hadBase, held: hadHeld, names, wildcard }),
  };
}

/** Keeps nothing but what it is given: the answers are kept with what was sent, and that with the subscription that comes after. */
function referrals(referrers: readonly EncodedResource[], had: Had): Pick<Outcome, 'referred' | 'newlyReferred'> {
  return {
    referred: once(() => union(referrers.map(references))),
    newlyReferred: once(() => union(referrers.map((one) => newReferences(one, before(had, one.name))))),
  };
}

/** One a response, the order counts. */
function inOrder(news: News, subscription: Subscription, resources: ResourceMap): News {
  if (!oneAResponse.has(subscription.typeUrl)) return news;
  return { ...news, changed: filterOrder(news.changed, resources, (name) => before(subscription, name)) };
}

/** Did this phase send all the news? */
function leftNothing(phase: Phase, typeUrl: TypeUrl, { changed, absent, gone }: News): boolean {
  if (phase === 'push') return gone.length === 0 || removedAtOnce.has(typeUrl);
  return changed.length + absent.length === 0;
}

/** What the client has of it, if that was sent on this stream or equals what was. */
function before(had: Had, name: string): EncodedResource | undefined {
  const held = heldOf(had, name);
  return held !== undefined && 'value' in held ? held : undefined;
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

function union(sets: readonly ReadonlySet<string>[]): ReadonlySet<string> {
  const [only, ...more] = sets.filter((set) => set.size > 0);
  return more.length === 0 ? (only ?? noNames) : new Set([only, ...more].flatMap((set) => [...(set ?? [])]));
}

/** What the client has once it received the news. */
export function learn(from: Subscription, { changed, absent, gone }: News): Subscription {
  if (changed.length + absent.length + gone.length === 0) return from;
  const held = new Map<string, Held>(from.held);
  for (const resource of changed) held.set(resource.name, resource);
  for (const name of absent) held.set(name, toldAbsent);
  for (const name of gone) held.set(name, toldAbsent);
  return { ...from, held };
}
