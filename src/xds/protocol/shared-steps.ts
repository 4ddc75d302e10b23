// What streams in the same state have in common: the same request or the same resources have the same effect on all of them, so that it is
// computed once, for a second or so, and a response is written once and sent to many. Its nonce is then the same on many streams, which is
// allowed: no stream sees it twice, because a stream accepts only what was made after the last response of that type that it was sent.

import { oneProxys } from '../resources/order.ts';
import type { Effect } from './effect.ts';
import { bring, type Outcome, type Phase, type Responder } from './outcome.ts';
import type { Received } from './received.ts';
import { createRecent } from './recent.ts';
import type { Sent } from './sent.ts';
import { isAlike, type ResourceMap, type Subscription } from './subscription.ts';

export interface SharedOutcome extends Outcome {
  readonly sent: readonly Sent[];
  readonly effects: readonly Effect[];
}

export interface SharedCounters {
  /** Responses written, and the bytes that this copied. */
  readonly framesMade: number;
  readonly bytesCopied: number;
  /** Requests decoded; outcomes computed. */
  readonly requestsRead: number;
  readonly outcomesMade: number;
}

export interface SharedSteps {
  bring(
    phase: Phase,
    subscription: Subscription,
    resources: ResourceMap,
    revision: number,
    responder: Responder,
  ): SharedOutcome;
  /** The result of `make` for the subscription because of `why`; `make` may depend only on what `isAlike` compares. */
  derive(why: object, subscription: Subscription, make: (from: Subscription) => Subscription): Subscription;
  /** A request by its bytes, except for those of the node. */
  read<Request>(key: string, decode: () => Received<Request>): Received<Request>;
  /** Drops what was not used since the last call; returns whether anything is left. */
  forget(): boolean;
  readonly counters: SharedCounters;
}

interface Known {
  readonly phase: Phase;
  readonly before: Subscription;
  readonly revision: number;
  readonly responder: Responder;
  readonly outcome: SharedOutcome;
}

interface Derived {
  readonly before: Subscription;
  readonly after: Subscription;
}

const [mostKeys, mostAlike] = [4096, 16];

/**
 * `epoch` makes its nonces differ from those of another process. `onMade` is called when something is cached, which `forget` drops later.
 */
export function createSharedSteps(epoch: string, onMade: () => void = () => {}): SharedSteps {
  const outcomes = createRecent<ResourceMap, readonly Known[]>(mostKeys);
  const derived = createRecent<object, readonly Derived[]>(mostKeys);
  const requests = createRecent<string, Received<unknown>>(mostKeys);
  const counters = { framesMade: 0, bytesCopied: 0, requestsRead: 0, outcomesMade: 0 };
  let number = 0;

  const make = (
    phase: Phase,
    subscription: Subscription,
    resources: ResourceMap,
    revision: number,
    responder: Responder,
  ): SharedOutcome => {
    const outcome = bring(phase, subscription, resources, revision, responder);
    // Taken out of it: what is sent must not keep the subscription that kept what was sent before.
    const { typeUrl, spoiled } = subscription;
    counters.outcomesMade++;
    onMade();
    const { referred, newlyReferred } = outcome;
    const countedOn = (): readonly string[] =>
      spoiled ? [] : [...referred()].filter((name) => !newlyReferred().has(name));
    const sent: Sent[] = [];
    const effects: Effect[] = [];
    for (const draft of outcome.drafts) {
      const nonce = `${epoch}-${(++number).toString(36)}`;
      const frame = responder.frame(draft, typeUrl, nonce);
      const mark = { nonce, number };
      const one = {
        typeUrl,
        ...mark,
        mark,
        version: draft.version,
        resources: draft.carried.length,
        changed: draft.changed,
        countedOn,
        revision,
      };
      counters.framesMade++;
      counters.bytesCopied += frame.length;
      sent.push(one);
      effects.push({ kind: 'send', sent: one, frame });
    }
    if (outcome.kept) effects.push({ kind: 'kept', typeUrl, revision });
    return { ...outcome, sent, effects };
  };
  return {
    bring(phase, subscription, resources, revision, responder) {
      const known = outcomes.get(resources) ?? [];
      const last = subscription.last?.number ?? 0;
      const there = known.find(
        (one) =>
          one.revision === revision &&
          one.phase === phase &&
          one.responder === responder &&
          isAlike(one.before, subscription) &&
          (one.outcome.sent[0] === undefined || one.outcome.sent[0].number > last),
      );
      if (there !== undefined) return there.outcome;
      const outcome = make(phase, subscription, resources, revision, responder);
      // Nobody else will be sent it, and it is large.
      if (oneProxys.has(subscription.typeUrl)) return outcome;
      outcomes.set(resources, [
        { phase, before: subscription, revision, responder, outcome },
        ...known.slice(0, mostAlike - 1),
      ]);
      return outcome;
    },
    derive(why, subscription, makeOf) {
      const known = derived.get(why) ?? [];
      const there = known.find(({ before }) => isAlike(before, subscription));
      if (there === undefined) {
        const after = makeOf(subscription);
        onMade();
        derived.set(why, [{ before: subscription, after }, ...known.slice(0, mostAlike - 1)]);
        return after;
      }
      if (there.after === there.before) return subscription;
      if (subscription === there.before) return there.after;
      const { wildcard, names, named, base, held, owed, claims, claimed } = there.after;
      const brought = there.after.claims === there.before.claims ? subscription.claims : claims;
      return { ...subscription, wildcard, names, named, base, held, owed, claims: brought, claimed };
    },
    read<Request>(key: string, decode: () => Received<Request>): Received<Request> {
      const known = requests.get(key);
      // A key is always parsed in the same way: each variant has its own cache, and keys of single-type services include the type.
      if (known !== undefined) return known as Received<Request>;
      counters.requestsRead++;
      onMade();
      const received = decode();
      requests.set(key, received);
      return received;
    },
    forget: () => outcomes.forget() + derived.forget() + requests.forget() > 0,
    counters,
  };
}
