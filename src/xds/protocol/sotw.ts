// The state-of-the-world variant: https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#basic-protocol-overview

import { selected } from '../resources/difference.ts';
import { fullSet, removedAtOnce } from '../resources/order.ts';
import { setVersion, versionCovers } from '../resources/set-version.ts';
import type { EncodedResource } from '../resources/snapshot.ts';
import { answer } from './answer.ts';
import { type FlushingVariant, flush } from './flush.ts';
import { inResponses } from './in-responses.ts';
import { openSubscription } from './open-subscription.ts';
import { type Bringing, type Draft, learn, type News, type Responded } from './outcome.ts';
import type { SotwRequest } from './received.ts';
import { frameSotw } from './response.ts';
import { type Step, type StreamInput, type StreamState, withSubscription } from './stream-state.ts';
import {
  claim,
  forgiveUnwanted,
  type Held,
  heldOf,
  mayHave,
  type ResourceMap,
  replaceNames,
  type Subscription,
} from './subscription.ts';
import { awaited, warmAfterRefusal } from './warming.ts';

/**
 * A request changes the subscription and reports its ACK or NACK; what the client is owed is sent by the next flush.
 */
export function stepSotw(state: StreamState, input: StreamInput<SotwRequest>): Step {
  return input.kind === 'request' ? receive(state, input.request) : flush(state, input.snapshot, input.now, sotw);
}

function receive(state: StreamState, request: SotwRequest): Step {
  const { shared } = state;
  const known = state.subscriptions[request.typeUrl];
  if (known === undefined) {
    // Any nonce is acceptable here, because it is from an earlier stream; so is the version, which says what the client still has.
    const first = shared.derive(request, openSubscription(request.typeUrl), (opened) => {
      const asked = replaceNames(opened, request.names);
      // With a version, the client has something under names that it does not say.
      return request.version === '' ? asked : { ...mayHave(asked), claimed: request.version };
    });
    return { state: withSubscription(state, first), effects: [] };
  }
  const { subscription, effects } = answer(known, request.nonce, request.error);
  // Stale: a newer response is in transit, and the client will answer that one with the names it then wants.
  const stale = known.last !== undefined && request.nonce !== known.last.nonce;
  const next = stale ? subscription : wantNow(state, subscription, request);
  const answered = withSubscription(state, next);
  const rejected = request.error !== undefined && effects.length > 0;
  return { state: rejected ? warmAfterRefusal(answered, subscription) : answered, effects };
}

function wantNow({ shared }: StreamState, from: Subscription, request: SotwRequest): Subscription {
  const make = (subscription: Subscription): Subscription => {
    const asked = replaceNames(subscription, request.names);
    // Its version was about the names that it wanted then; it may no longer have what it has dropped since.
    return asked === subscription ? asked : { ...asked, claimed: '' };
  };
  // A wildcard also depends on what is in transit, which streams do not share.
  const alone = from.unanswered.length > 0 && request.names.includes('*');
  return forgiveUnwanted(alone ? make(from) : shared.derive(request.names, from, make));
}

const sotw: FlushingVariant = {
  /** A client that reconnects with the version of just these resources has them; but what warms is sent nevertheless. */
  compare(state, subscription, resources) {
    if (subscription.claimed === '') return subscription;
    const warming = awaited(state, subscription.typeUrl);
    const make = (from: Subscription): Subscription => {
      const there = selected(from, resources);
      const unclaimed = { ...from, claimed: '' };
      // Of a full set, it must be told what is gone.
      const has = fullSet.has(from.typeUrl) ? setVersion(there) === from.claimed : versionCovers(from.claimed, there);
      if (!has) return unclaimed;
      const held = there.filter((resource) => !warming.has(resource.name));
      return claim(
        unclaimed,
        new Map(held.map((resource) => [resource.name, { version: resource.version, resource }])),
      );
    };
    return warming.size === 0 ? state.shared.derive(resources, subscription, make) : make(subscription);
  },
  respond(phase, bringing) {
    const { subscription, news } = bringing;
    const isFull = fullSet.has(subscription.typeUrl);
    if (phase === 'push') return isFull ? pushAll(bringing) : pushChanged(bringing);
    if (news.gone.length === 0) return idle(subscription);
    if (isFull) return respondAll(bringing, [], news.gone);
    // Absence is not deletion in this type: there is nothing to send.
    return { subscription: learn(subscription, news), drafts: [], removed: [...news.absent, ...news.gone] };
  },
  frame: ({ version, carried }, typeUrl, nonce) => frameSotw({ typeUrl, version, nonce, resources: carried }),
};

function idle(subscription: Subscription): Responded {
  return { subscription, drafts: [], removed: [] };
}

function pushAll(bringing: Bringing): Responded {
  const { subscription, news } = bringing;
  const atOnce = removedAtOnce.has(subscription.typeUrl);
  if (news.changed.length + news.absent.length === 0 && !subscription.owed && !(atOnce && news.gone.length > 0)) {
    return idle(subscription);
  }
  return atOnce ? respondAll(bringing, [], news.gone) : respondAll(bringing, news.gone, []);
}

/** The full set, together with removed resources that are `kept` until everything that may refer to them was replaced. */
function respondAll(bringing: Bringing, kept: readonly string[], gone: readonly string[]): Responded {
  const { subscription, resources, news } = bringing;
  const old = kept.flatMap((name) => resourceOf(heldOf(subscription, name)));
  const carried = [...selected(subscription, resources), ...old];
  const { changed, absent } = news;
  return {
    subscription: { ...learn(subscription, { ...news, gone }), owed: false },
    drafts: [{ version: setVersion(carried), carried, changed, removed: [] }],
    removed: [...absent, ...gone],
  };
}

function resourceOf(held: Held | undefined): readonly EncodedResource[] {
  if (held === undefined) return [];
  if ('value' in held) return [held];
  return held.resource === undefined ? [] : [held.resource];
}

function pushChanged({ subscription, resources, news }: Bringing): Responded {
  const { changed, absent } = news;
  let now: Subscription = { ...learn(subscription, { changed: [], absent, gone: [] }), owed: false };
  const drafts: Draft[] = [];
  for (const part of inResponses(subscription, changed)) {
    const learnt: News = { changed: part, absent: [], gone: [] };
    now = learn(now, learnt);
    drafts.push({ version: versionHeld(now, resources), carried: part, changed: part, removed: [] });
  }
  return { subscription: now, drafts, removed: absent };
}

/**
 * Version of everything that the client then has, not just of what it is sent, so that it can report it when it reconnects. After a NACK it
 * is unknown what it has: then the version is unique, and everything is sent.
 */
function versionHeld(learnt: Subscription, resources: ResourceMap): string {
  const there = selected(learnt, resources).flatMap(({ name }) => resourceOf(heldOf(learnt, name)));
  return learnt.spoiled ? `spoiled-${setVersion(there).replaceAll('.', '-')}` : setVersion(there);
}
