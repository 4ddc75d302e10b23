// Puts a response into the state: its nonce, what the client holds from now on, and what warms because of it.
import type { EncodedResource } from '../resources/snapshot.ts';
import { type Step, type StreamState, withSubscription } from './stream-state.ts';
import { forgive, type Held, type Subscription, toldAbsent } from './subscription.ts';
import { warm } from './warming.ts';

/** What the client learns. */
export interface News {
  readonly changed: readonly EncodedResource[];
  readonly absent: readonly string[];
  readonly gone: readonly string[];
}

export interface Delivery extends News {
  readonly version: string;
  readonly revision: number;
  readonly now: number;
  /** How many resources the response carries, the unchanged ones of a full set included. */
  readonly carried: number;
  readonly splice: (nonce: string) => Buffer;
}

/** Of a client that never answers, only the newest responses are remembered. */
const maxUnanswered = 256;

export function deliver(from: StreamState, to: Subscription, delivery: Delivery): Step {
  const { version, revision, changed } = delivery;
  const count = from.count + 1;
  const nonce = `${from.prefix}-${count}`;
  const sent = { typeUrl: to.typeUrl, nonce, version, resources: delivery.carried, changed, revision };
  const unanswered = new Map(to.unanswered).set(nonce, sent);
  const [oldest] = unanswered.keys();
  if (unanswered.size > maxUnanswered && oldest !== undefined) unanswered.delete(oldest);
  const next = { ...learn(to, delivery), owed: false, lastNonce: nonce, sentAt: delivery.now, unanswered };
  return {
    state: warm(withSubscription({ ...from, count }, next), to.typeUrl, changed),
    effects: [{ kind: 'send', sent, body: delivery.splice(nonce) }],
  };
}

/** What the client has once it learnt the news. */
export function learn(from: Subscription, { changed, absent, gone }: News): Subscription {
  if (changed.length + absent.length + gone.length === 0) return from;
  const held = new Map<string, Held>(from.held);
  for (const resource of changed) held.set(resource.name, resource);
  for (const name of absent) held.set(name, toldAbsent);
  for (const name of gone) held.set(name, toldAbsent);
  return forgive({ ...from, held }, [...absent, ...gone]);
}
