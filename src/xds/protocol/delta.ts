// The incremental variant: https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#incremental-xds

import { neverRemoved, removedAtOnce } from '../resources/order.ts';
import { answer } from './answer.ts';
import { type FlushingVariant, flush } from './flush.ts';
import { inResponses } from './in-responses.ts';
import { openSubscription } from './open-subscription.ts';
import { learn, type News, type Responded } from './outcome.ts';
import type { DeltaRequest } from './received.ts';
import { frameDelta } from './response.ts';
import { type Step, type StreamInput, type StreamState, withSubscription } from './stream-state.ts';
import { claim, forgiveUnwanted, type Subscription, subscribe, subscribeLegacy, unsubscribe } from './subscription.ts';
import { awaited, warmAfterRefusal } from './warming.ts';

/**
 * A request changes the subscription and reports its ACK or NACK; what the client is owed is sent by the next flush.
 */
export function stepDelta(state: StreamState, input: StreamInput<DeltaRequest>): Step {
  return input.kind === 'request' ? receive(state, input.request) : flush(state, input.snapshot, input.now, delta);
}

/** A stale nonce answers nothing, but the request's changes of the subscription still count. */
function receive(state: StreamState, request: DeltaRequest): Step {
  const known = state.subscriptions[request.typeUrl];
  if (known === undefined) return { state: withSubscription(state, first(state, request)), effects: [] };
  const { subscription, effects } = answer(known, request.nonce, request.error);
  const answered = withSubscription(state, change(state, subscription, request));
  const rejected = request.error !== undefined && effects.length > 0;
  return { state: rejected ? warmAfterRefusal(answered, subscription) : answered, effects };
}

function change({ shared }: StreamState, from: Subscription, request: DeltaRequest): Subscription {
  if (request.subscribe.length + request.unsubscribe.length === 0) return from;
  const make = (subscription: Subscription): Subscription =>
    subscribe(unsubscribe(subscription, request.unsubscribe), request.subscribe);
  // A wildcard also depends on what is in transit, which streams do not share.
  const alone = from.unanswered.length > 0 && request.subscribe.includes('*');
  return forgiveUnwanted(alone ? make(from) : shared.derive(request.subscribe, from, make));
}

/** The first request of a type may carry versions from an earlier stream. Its nonce is from that stream, too. */
function first(state: StreamState, request: DeltaRequest): Subscription {
  const warming = request.initialVersions.size === 0 ? undefined : awaited(state, request.typeUrl);
  const make = (opened: Subscription): Subscription => {
    const asked =
      request.subscribe.length === 0
        ? subscribeLegacy(opened)
        : subscribe(unsubscribe(opened, request.unsubscribe), request.subscribe);
    if (warming === undefined) return asked;
    const versions = [...request.initialVersions].filter(([name]) => !warming.has(name));
    return claim(asked, new Map(versions.map(([name, version]) => [name, { version }])));
  };
  const opened = openSubscription(request.typeUrl);
  return warming === undefined || warming.size === 0 ? state.shared.derive(request, opened, make) : make(opened);
}

const delta: FlushingVariant = {
  compare: (_state, subscription) => subscription,
  respond(phase, { subscription, revision, news }) {
    if (phase === 'remove') {
      const { gone } = news;
      if (gone.length === 0) return idle(subscription);
      const stale: News = { changed: [], absent: [], gone };
      return neverRemoved.has(subscription.typeUrl)
        ? { subscription: learn(subscription, stale), drafts: [], removed: gone }
        : respond(subscription, revision, stale);
    }
    const gone = removedAtOnce.has(subscription.typeUrl) ? news.gone : [];
    if (news.changed.length + news.absent.length + gone.length === 0 && !subscription.owed) return idle(subscription);
    return respond(subscription, revision, { ...news, gone });
  },
  frame: ({ version, carried, removed }, typeUrl, nonce) =>
    frameDelta({ typeUrl, version, nonce, resources: carried, removed }),
};

function idle(subscription: Subscription): Responded {
  return { subscription, drafts: [], removed: [] };
}

function respond(subscription: Subscription, revision: number, news: News): Responded {
  const { changed, absent, gone } = news;
  const removed = [...absent, ...gone];
  // The version is only for people: in this variant each resource has its own.
  const version = String(revision);
  const parts = inResponses(subscription, changed);
  const last = parts.at(-1) ?? [];
  return {
    subscription: { ...learn(subscription, news), owed: false },
    drafts: [
      ...parts.slice(0, -1).map((part) => ({ version, carried: part, changed: part, removed: [] })),
      { version, carried: last, changed: last, removed },
    ],
    removed,
  };
}
