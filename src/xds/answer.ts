// A client's answer to a response. `error_detail` alone makes a NACK; versions decide nothing (envoy#14841).
// https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#ack-nack-and-resource-type-instance-version
import type { Effect } from './stream-state.ts';
import type { Subscription } from './subscription.ts';

/** Answering a response answers those before it, as a client may answer several at once. Other nonces answer nothing. */
export function answer(
  from: Subscription,
  nonce: string,
  error: string | undefined,
): { readonly subscription: Subscription; readonly effects: readonly Effect[] } {
  const sent = from.unanswered.get(nonce);
  if (sent === undefined) return { subscription: from, effects: [] };
  const rejected = error !== undefined;
  const unanswered = new Map(from.unanswered);
  for (const earlier of from.unanswered.keys()) {
    unanswered.delete(earlier);
    if (earlier === nonce) break;
  }
  return {
    subscription: { ...from, unanswered, rejected, spoiled: from.spoiled || rejected },
    effects: [rejected ? { kind: 'nacked', sent, message: error } : { kind: 'acked', sent }],
  };
}
