// A client's answer to a response. Only `error_detail` makes a NACK; versions decide nothing (envoy#14841).
// https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#ack-nack-and-resource-type-instance-version

import { oneAResponse } from '../resources/order.ts';
import type { Effect } from './effect.ts';
import { refusedNames } from './refused-names.ts';
import { createSameStep } from './same-step.ts';
import type { Sent } from './sent.ts';
import { noneUnanswered, type Refusal, resend, type Subscription } from './subscription.ts';

const noEffects: readonly Effect[] = [];

export interface Answered {
  readonly subscription: Subscription;
  readonly effects: readonly Effect[];
}

const acked = createSameStep<string, Answered>((a, b) => a === b);

/** Answering a response also answers those before it, because a client may answer several at once. Unknown nonces answer nothing. */
export function answer(from: Subscription, nonce: string, error: string | undefined): Answered {
  return error === undefined
    ? acked.take(from, nonce, () => answerOf(from, nonce, error))
    : answerOf(from, nonce, error);
}

function answerOf(from: Subscription, nonce: string, error: string | undefined): Answered {
  const index = from.unanswered.findIndex((sent) => sent.nonce === nonce);
  const sent = from.unanswered[index];
  if (sent === undefined) return { subscription: from, effects: noEffects };
  const rejected = error !== undefined;
  const unanswered = index + 1 === from.unanswered.length ? noneUnanswered : from.unanswered.slice(index + 1);
  const refused = refusals(acceptedBefore(from, index), sent, error);
  const answered = { ...from, unanswered, spoiled: from.spoiled || rejected, refused };
  return {
    subscription: rejected ? oneByOne(answered, sent) : answered,
    effects: [rejected ? { kind: 'nacked', sent, message: error } : { kind: 'acked', sent, refused: refused.size }],
  };
}

/** One that is bad may have kept the client from taking the others of its response: then each is sent once more, alone. */
function oneByOne(rejected: Subscription, { typeUrl, changed }: Sent): Subscription {
  if (!oneAResponse.has(typeUrl) || changed.length < 2) return rejected;
  return resend(rejected, new Set(changed.map(({ name }) => name)));
}

/** What is still refused: the responses before this one were taken, as far as one can tell. */
function acceptedBefore({ refused, unanswered }: Subscription, index: number): ReadonlyMap<string, Refusal> {
  if (refused.size === 0 || index === 0) return refused;
  return unanswered.slice(0, index).reduce((known, one) => refusals(known, one, undefined), refused);
}

/**
 * A NACK concerns what was new in the response, unless it names resources; an ACK concerns everything in it, in a full set including what
 * was not new.
 */
function refusals(
  refused: ReadonlyMap<string, Refusal>,
  sent: Sent,
  error: string | undefined,
): ReadonlyMap<string, Refusal> {
  if (error === undefined && refused.size === 0) return refused;
  if (error === undefined && sent.resources > sent.changed.length) return new Map();
  const next = new Map(refused);
  const names = error === undefined ? undefined : refusedNames(sent, error);
  for (const { name, version } of sent.changed) {
    if (error !== undefined && names?.has(name) === true) next.set(name, { version, message: error });
    else next.delete(name);
  }
  return next;
}
