// One stream: authenticates it, steps its state and performs the effects. Any error in here closes only this stream.
import { CellwallError } from '../../lib/errors.ts';
import type { NodeId } from '../../lib/node-id.ts';
import { tooManyNames } from '../protocol/request.ts';
import { isComplete, openStream, type Step, type StreamState } from '../protocol/stream-state.ts';
import { isAlike } from '../protocol/subscription.ts';
import { variants } from '../protocol/variant.ts';
import type { Snapshot } from '../resources/snapshot.ts';
import { isTypeUrl } from '../resources/type-url.ts';
import { eventOf } from './event-of.ts';
import { awaitFirstRequest } from './first-request.ts';
import type { Flushable } from './flusher.ts';
import { holderOf } from './holder.ts';
import { type Account, keptOf } from './ledger.ts';
import type { StreamNode } from './node.ts';
import type { StreamId, StreamObserver } from './observer.ts';
import type { StreamDeps } from './stream-deps.ts';
import type { XdsStream } from './transport.ts';

/** A stream's current state, for people. */
export interface StreamView {
  readonly stream: StreamId;
  readonly node: NodeId;
  readonly claims: StreamNode;
  readonly state: StreamState;
  readonly snapshot: Snapshot | undefined;
}

export interface OpenXdsStream extends XdsStream {
  /** False if it was refused as soon as it was opened. */
  readonly isOpen: () => boolean;
  readonly node: () => NodeId | undefined;
  /** Undefined before its first request. */
  readonly view: () => StreamView | undefined;
  refuse(error: CellwallError): void;
}

interface Session {
  readonly key: NodeId;
  readonly id: string;
  readonly claims: StreamNode;
  readonly account: Account;
  readonly unwatch: () => void;
}

/** What a stream costs in addition to its requests, milliseconds. */
const openingMs = 2;
/** How much TLS and HTTP/2 process per millisecond. */
const bytesOfMs = 100_000;
/** An answer with its nonce and the names of a few resources. */
const smallBytes = 1024;
/** Its garbage is collected later, at any time: as much again, according to profiles of floods. */
const withGarbage = 2;

export function createXdsStream(deps: StreamDeps): OpenXdsStream {
  const { id: stream, transport, cache, flusher, clock, limits } = deps;
  const variant = variants[deps.variant];
  let state: StreamState = openStream(deps.shared);
  let session: Session | undefined;
  let open = true;
  let fresh = true;
  // Responses that the peer has not read yet. While there are any, nothing new is made: the next one is computed from the newest snapshot
  // once they are gone, so that a slow reader occupies at most one push.
  let inFlight = 0;
  let pending = false;
  /** The client was sent all of the newest snapshot. */
  let complete = false;
  let cancelLater = (): void => {};
  /** A request that waits until pushes are done. */
  let held: Uint8Array | undefined;

  let spoke = (): void => {};
  /** Whose time its requests take: a host's, whatever names it uses. */
  const payer = (): string =>
    transport.peer.certificate === undefined && session !== undefined ? session.key : holder;
  const holder = holderOf(transport.peer);

  // A listener's error is not the stream's.
  const observe: StreamObserver = (event) => {
    try {
      deps.observe(event);
    } catch (err) {
      deps.log.error({ stream, event: event.kind, err }, 'an observer of streams failed');
    }
  };
  const guarded = (run: () => void): void => {
    if (!open) return;
    try {
      run();
    } catch (reason) {
      refuse(CellwallError.from(reason));
    }
  };
  /** Only for requests: pushes are not caused by the peer. */
  const paced = (bytes: number, run: () => void): void => {
    const began = clock.monotonic();
    guarded(run);
    // Refused or not: what ends its stream has cost as much, and the next stream of that host waits for it.
    const ms = clock.monotonic() - began + bytes / bytesOfMs;
    const restMs = deps.pacer.spend(payer(), withGarbage * ms);
    if (open) rest(restMs);
  };
  const rest = (ms: number): void => {
    if (ms > 0) transport.rest(ms);
  };
  const close = (): void => {
    if (!open) return;
    open = false;
    flusher.cancel(flushable);
    cancelLater();
    spoke();
    session?.unwatch();
    session?.account.close();
    deps.onClose();
    if (session !== undefined) observe({ kind: 'disconnected', stream, node: session.key });
  };
  const refuse = (error: CellwallError): void => {
    if (!open) return;
    const fields = { stream, node: session?.id, code: error.code, peer: transport.peer.address };
    if (error.code === 'internal') deps.log.error({ ...fields, err: error }, 'a stream failed');
    else
      deps.log[error.code === 'unavailable' ? 'info' : 'warn'](
        { ...fields, reason: error.message },
        'a stream was refused',
      );
    transport.end(error);
    close();
  };
  const wake = (): void => {
    if (!open) return;
    pending = true;
    if (inFlight === 0) flusher.schedule(flushable);
  };
  const wasSent = (): void => {
    inFlight--;
    if (inFlight === 0 && pending) wake();
  };
  const perform = (step: Step, node: NodeId): void => {
    state = step.state;
    for (const effect of step.effects) {
      if (effect.kind === 'later') {
        cancelLater();
        cancelLater = clock.after(effect.ms, wake);
        continue;
      }
      if (effect.kind === 'send') {
        inFlight++;
        transport.write(effect.frame, wasSent);
      }
      observe(eventOf(effect, stream, node));
    }
  };
  const flushable: Flushable = {
    isNew: () => fresh,
    hear: () => takeHeld(),
    flush: () =>
      guarded(() => {
        const snapshot = session && cache.get(session.key);
        // Held: nothing is answered before a complete snapshot exists. The cache wakes it.
        if (session === undefined || snapshot === undefined || inFlight > 0) return;
        pending = false;
        fresh = false;
        const step = variant.flush(state, snapshot, clock.monotonic());
        complete = isComplete(step.state, snapshot);
        perform(step, session.key);
      }),
  };
  const connect = (node: StreamNode | undefined): Session => {
    if (node === undefined) {
      throw new CellwallError('invalid_argument', 'the first request of a stream must have a node', {
        hint: 'set node.id in the bootstrap',
      });
    }
    const key = deps.authenticate(transport.peer, node);
    const account = deps.ledger.open(key, deps.only === undefined ? 'ads' : 'single');
    spoke();
    observe({ kind: 'connected', stream, node: key, claims: node, peer: transport.peer });
    return { key, id: node.id, claims: node, account, unwatch: cache.watch(key, wake) };
  };
  const take = (bytes: Uint8Array): void =>
    paced(bytes.length, () => {
      const { node, typeUrl, step } = variant.read(bytes, deps.only, limits, deps.shared);
      session ??= connect(node);
      if (node !== undefined && node.id !== session.id) {
        throw new CellwallError('invalid_argument', 'node.id changed within a stream', {
          hint: 'a stream belongs to one node: open another one',
        });
      }
      if (step === undefined) {
        deps.log.debug({ stream, typeUrl: typeUrl.slice(0, 200) }, 'a type that is not served was requested');
        return;
      }
      const before = isTypeUrl(typeUrl) ? state.subscriptions[typeUrl] : undefined;
      const taken = step(state);
      perform(taken, session.key);
      const subscription = isTypeUrl(typeUrl) ? state.subscriptions[typeUrl] : undefined;
      if (subscription === undefined) return;
      // An ACK alone, where all is sent: by far the most requests. Nothing more is to be done or kept.
      const isAck = taken.effects.every(({ kind }) => kind === 'acked');
      if (isAck && complete && !pending && before !== undefined && isAlike(before, subscription)) return;
      if (subscription.names.size > limits.names) throw tooManyNames(limits);
      session.account.keep(typeUrl, keptOf(subscription));
      wake();
    });
  const takeHeld = (): void => {
    const bytes = held;
    held = undefined;
    if (bytes !== undefined) take(bytes);
  };
  guarded(() => {
    spoke = awaitFirstRequest({
      ...{ clock, refuse, ms: limits.firstRequestMs },
      counted: deps.awaitFirst(transport.peer),
    });
  });
  // Whoever opens one after the other, under any name, is read no faster than others can tolerate.
  if (open) rest(deps.pacer.spend(payer(), openingMs));
  return {
    request(bytes) {
      takeHeld();
      // One that is small, as an answer is: who sends more is heard at once, and then paced.
      if (bytes.length <= smallBytes && flusher.holds(flushable)) held = bytes;
      else take(bytes);
    },
    closed() {
      takeHeld();
      close();
    },
    isOpen: () => open,
    node: () => session?.key,
    view: () =>
      session && {
        stream,
        node: session.key,
        claims: session.claims,
        state,
        snapshot: cache.get(session.key),
      },
    refuse,
  };
}
