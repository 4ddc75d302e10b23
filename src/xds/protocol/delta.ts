// The incremental variant: https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#incremental-xds

import { removedAtOnce } from '../resources/order.ts';
import type { EncodedResource } from '../resources/snapshot.ts';
import type { TypeUrl } from '../resources/type-url.ts';
import { answer } from './answer.ts';
import { deliver } from './deliver.ts';
import { type Flushing, flush, type Responder } from './flush.ts';
import { spliceDelta } from './response.ts';
import { type Step, type StreamInput, type StreamState, withSubscription } from './stream-state.ts';
import { claim, openSubscription, subscribe, subscribeLegacy, unsubscribe } from './subscription.ts';
import { awaited } from './warming.ts';

export interface DeltaRequest {
  readonly typeUrl: TypeUrl;
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  readonly initialVersions: ReadonlyMap<string, string>;
  readonly nonce: string;
  /** `error_detail`, if there is one. */
  readonly error: string | undefined;
}

export function stepDelta(state: StreamState, input: StreamInput<DeltaRequest>): Step {
  return input.kind === 'request' ? receive(state, input.request) : flush(state, input.snapshot, input.now, responder);
}

/** A stale nonce answers nothing, but the request's changes of the subscription count all the same. */
function receive(state: StreamState, request: DeltaRequest): Step {
  const known = state.subscriptions.get(request.typeUrl);
  if (known === undefined) return { state: withSubscription(state, first(state, request)), effects: [] };
  const { subscription, effects } = answer(known, request.nonce, request.error);
  const next = subscribe(unsubscribe(subscription, request.unsubscribe), request.subscribe);
  return { state: withSubscription(state, next), effects };
}

/** The first request of a type may bring versions from an earlier stream. Its nonce is of that stream, too. */
function first(state: StreamState, request: DeltaRequest) {
  const opened = openSubscription(request.typeUrl);
  const asked =
    request.subscribe.length === 0
      ? subscribeLegacy(opened)
      : subscribe(unsubscribe(opened, request.unsubscribe), request.subscribe);
  if (request.initialVersions.size === 0) return asked;
  const warming = awaited(state, request.typeUrl);
  const versions = [...request.initialVersions].filter(([name]) => !warming.has(name));
  return claim(asked, new Map(versions.map(([name, version]) => [name, { version }])));
}

const responder: Responder = {
  push(flushing) {
    const { subscription, news } = flushing;
    const gone = removedAtOnce.has(subscription.typeUrl) ? news.gone : [];
    if (news.changed.length + news.absent.length + gone.length === 0 && !subscription.owed) return idle(flushing);
    return respond(flushing, news.changed, news.absent, gone);
  },
  remove(flushing) {
    const { gone } = flushing.news;
    return gone.length === 0 ? idle(flushing) : respond(flushing, [], [], gone);
  },
};

function idle({ state }: Flushing): Step {
  return { state, effects: [] };
}

function respond(
  { state, subscription, revision, now }: Flushing,
  changed: readonly EncodedResource[],
  absent: readonly string[],
  gone: readonly string[],
): Step {
  const { typeUrl } = subscription;
  // Only for people: in this variant each resource has its own version.
  const version = String(revision);
  const removed = [...absent, ...gone];
  const splice = (nonce: string) => spliceDelta({ typeUrl, version, nonce, resources: changed, removed });
  return deliver(state, subscription, {
    version,
    revision,
    now,
    carried: changed.length,
    changed,
    absent,
    gone,
    splice,
  });
}
