// The state-of-the-world variant: https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#basic-protocol-overview

import { difference, selected } from '../resources/difference.ts';
import { fullSet, oneAResponse, removedAtOnce } from '../resources/order.ts';
import { setVersion } from '../resources/set-version.ts';
import type { EncodedResource } from '../resources/snapshot.ts';
import type { TypeUrl } from '../resources/type-url.ts';
import { answer } from './answer.ts';
import { deliver, learn, type News } from './deliver.ts';
import { type Flushing, flush, type Responder } from './flush.ts';
import { spliceSotw } from './response.ts';
import { type Effect, type Step, type StreamInput, type StreamState, withSubscription } from './stream-state.ts';
import {
  claim,
  type Held,
  heldOf,
  openSubscription,
  type ResourceMap,
  replaceNames,
  type Subscription,
} from './subscription.ts';
import { awaited } from './warming.ts';

export interface SotwRequest {
  readonly typeUrl: TypeUrl;
  readonly version: string;
  readonly names: readonly string[];
  readonly nonce: string;
  /** `error_detail`, if there is one. */
  readonly error: string | undefined;
}

export function stepSotw(state: StreamState, input: StreamInput<SotwRequest>): Step {
  return input.kind === 'request' ? receive(state, input.request) : flush(state, input.snapshot, input.now, responder);
}

function receive(state: StreamState, request: SotwRequest): Step {
  const known = state.subscriptions.get(request.typeUrl);
  if (known === undefined) {
    // Any nonce will do here, as it is of an earlier stream; so is the version, which says what the client still has.
    const opened = { ...replaceNames(openSubscription(request.typeUrl), request.names), claimed: request.version };
    return { state: withSubscription(state, opened), effects: [] };
  }
  const { subscription, effects } = answer(known, request.nonce, request.error);
  // Stale: a newer response is on its way, and the client will answer that one with the names it then wants.
  const stale = known.lastNonce !== '' && request.nonce !== known.lastNonce;
  const asked = stale ? subscription : replaceNames(subscription, request.names);
  // The version it came with spoke of the names it then wanted; of what it since dropped it may have nothing left.
  const next = asked === subscription ? asked : { ...asked, claimed: '' };
  return { state: withSubscription(state, next), effects };
}

const responder: Responder = {
  push(flushing) {
    const compared = flushing.subscription.claimed === '' ? flushing : compareClaim(flushing);
    return fullSet.has(compared.subscription.typeUrl) ? pushAll(compared) : pushChanged(compared);
  },
  remove(flushing) {
    const { state, subscription, news } = flushing;
    if (news.gone.length === 0) return { state, effects: [] };
    if (fullSet.has(subscription.typeUrl)) return respondAll(flushing, [], news.gone);
    // Absence is not deletion in this type: there is nothing to say.
    return { state: withSubscription(state, learn(subscription, news)), effects: [] };
  },
};

/** A client that reconnects with the version of just these resources has them; but what warms is sent all the same. */
function compareClaim(flushing: Flushing): Flushing {
  const { state, subscription, resources } = flushing;
  const there = selected(subscription, resources);
  const unclaimed = { ...subscription, claimed: '' };
  const warming = awaited(state, subscription.typeUrl);
  const held = there.filter((resource) => !warming.has(resource.name));
  const next =
    setVersion(there) === subscription.claimed
      ? claim(unclaimed, new Map(held.map((resource) => [resource.name, { version: resource.version, resource }])))
      : unclaimed;
  return { ...flushing, state: withSubscription(state, next), subscription: next, news: difference(next, resources) };
}

function pushAll(flushing: Flushing): Step {
  const { state, subscription, news } = flushing;
  const atOnce = removedAtOnce.has(subscription.typeUrl);
  if (news.changed.length + news.absent.length === 0 && !subscription.owed && !(atOnce && news.gone.length > 0)) {
    return { state, effects: [] };
  }
  return atOnce ? respondAll(flushing, [], news.gone) : respondAll(flushing, news.gone, []);
}

/** The full set, and with it those that are gone but `kept` until everything that may refer to them was replaced. */
function respondAll(flushing: Flushing, kept: readonly string[], gone: readonly string[]): Step {
  const { subscription, resources, news } = flushing;
  const old = kept.flatMap((name) => resourceOf(heldOf(subscription, name)));
  return respond(flushing, [...selected(subscription, resources), ...old], { ...news, gone });
}

function resourceOf(held: Held | undefined): readonly EncodedResource[] {
  if (held === undefined) return [];
  if ('value' in held) return [held];
  return held.resource === undefined ? [] : [held.resource];
}

function pushChanged(flushing: Flushing): Step {
  const { subscription, news } = flushing;
  const told = { ...learn(subscription, { ...news, changed: [], gone: [] }), owed: false };
  const { changed } = news;
  let state = withSubscription(flushing.state, told);
  const effects: Effect[] = [];
  for (const part of oneAResponse.has(told.typeUrl)
    ? changed.map((one) => [one])
    : changed.length > 0
      ? [changed]
      : []) {
    const now = state.subscriptions.get(told.typeUrl) ?? told;
    const step = respond({ ...flushing, state, subscription: now }, part, { changed: part, absent: [], gone: [] });
    state = step.state;
    effects.push(...step.effects);
  }
  return { state, effects };
}

function respond(flushing: Flushing, carried: readonly EncodedResource[], news: News): Step {
  const { state, subscription, resources, revision, now } = flushing;
  const { typeUrl } = subscription;
  const version = fullSet.has(typeUrl) ? setVersion(carried) : versionHeld(subscription, resources, news);
  const splice = (nonce: string) => spliceSotw({ typeUrl, version, nonce, resources: carried });
  return deliver(state, subscription, { ...news, version, revision, now, carried: carried.length, splice });
}

/**
 * That of all the client then has, and not just of what it is sent, so that it can say so when it reconnects. After a
 * NACK nobody can tell what it has: then the version is like no other, and all is sent.
 */
function versionHeld(subscription: Subscription, resources: ResourceMap, news: News): string {
  const learnt = learn(subscription, news);
  const there = selected(subscription, resources).flatMap(({ name }) => resourceOf(heldOf(learnt, name)));
  return subscription.spoiled ? `${setVersion(there)}-spoiled` : setVersion(there);
}
