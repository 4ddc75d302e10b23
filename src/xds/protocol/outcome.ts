// What it takes to bring a client up to resources: the responses, and what the client has once it got them. Pure; the same for all clients
// that stand alike (`isAlike`), so that it is worked out once for all of them (shared-steps.ts).
import { difference, selected } from '../resources/difference.ts';
import { dependents, removedAtOnce } from '../resources/order.ts';
import { newReferences, references } from '../resources/references.ts';
import type { EncodedResource } from '../resources/snapshot.ts';
import type { TypeUrl } from '../resources/type-url.ts';
import { type Held, heldOf, type ResourceMap, rebase, type Subscription, toldAbsent } from './subscription.ts';

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
  /** Names that there are none of, or no longer; delta says so. */
  readonly removed: readonly string[];
}

/** A subscription and what it is to be brought up to. */
export interface Bringing {
  readonly subscription: Subscription;
  readonly resources: ResourceMap;
  readonly revision: number;
  readonly news: News;
}

/**
 * `push` tells all that is changed or absent, and what is gone where that goes at once; `remove` what is gone, once all else was accepted.
 */
export type Phase = 'push' | 'remove';

export interface Responded {
  /** What the client then knows. */
  readonly subscription: Subscription;
  readonly drafts: readonly Draft[];
  /** Names of which it knows from now on that there are none. */
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
  /** Names of which it knows from now on that there are none. */
  readonly removed: readonly string[];
  /** The first look at what this client wants, and it has it all: from an earlier stream. */
  readonly kept: boolean;
  /** What the changed resources refer to, and what they did not refer to, or not like this, before. Worked out once it is asked for. */
  readonly referred: () => ReadonlySet<string>;
  readonly newlyReferred: () => ReadonlySet<string>;
}

export const noNames: ReadonlySet<string> = new Set();

export function bring(
  phase: Phase,
  subscription: Subscription,
  resources: ResourceMap,
  revision: number,
  responder: Responder,
): Outcome {
  const news = difference(subscription, resources);
  const {
    subscription: learnt,
    drafts,
    removed,
  } = responder.respond(phase, { subscription, resources, revision, news });
  const { base, held } = leftNothing(phase, subscription.typeUrl, news) ? rebase(learnt, resources) : learnt;
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
    referred: once(() => union(referrers.map(references))),
    newlyReferred: once(() =>
      union(referrers.map((resource) => newReferences(resource, before(subscription, resource)))),
    ),
  };
}

/** Did this phase tell all the news? */
function leftNothing(phase: Phase, typeUrl: TypeUrl, { changed, absent, gone }: News): boolean {
  if (phase === 'push') return gone.length === 0 || removedAtOnce.has(typeUrl);
  return changed.length + absent.length === 0;
}

/** What the client has of it, if that was sent on this stream or is the same as what was. */
function before(subscription: Subscription, { name }: EncodedResource): EncodedResource | undefined {
  const held = heldOf(subscription, name);
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

/** What the client has once it learnt the news. */
export function learn(from: Subscription, { changed, absent, gone }: News): Subscription {
  if (changed.length + absent.length + gone.length === 0) return from;
  const held = new Map<string, Held>(from.held);
  for (const resource of changed) held.set(resource.name, resource);
  for (const name of absent) held.set(name, toldAbsent);
  for (const name of gone) held.set(name, toldAbsent);
  return { ...from, held };
}
