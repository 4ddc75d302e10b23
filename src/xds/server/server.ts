// The xDS server: the streams of all proxies over one cache. Independent of gRPC; a transport opens streams on it.
import { randomBytes } from 'node:crypto';
import { type Clock, systemClock } from '../../lib/clock.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { NodeId } from '../../lib/node-id.ts';
import { createPacer } from '../../lib/pacer.ts';
import { defaultLimits, type Limits } from '../protocol/limits.ts';
import { createSharedSteps, type SharedCounters } from '../protocol/shared-steps.ts';
import type { VariantName } from '../protocol/variant.ts';
import type { SnapshotCache } from '../resources/cache.ts';
import type { TypeUrl } from '../resources/type-url.ts';
import { createFlusher } from './flusher.ts';
import { createLedger } from './ledger.ts';
import type { StreamAuthenticator, StreamObserver } from './observer.ts';
import { createSilentStreams } from './silent-streams.ts';
import { createXdsStream, type OpenXdsStream, type StreamView } from './stream.ts';
import type { StreamTransport, XdsStream } from './transport.ts';

export interface XdsServerDeps {
  readonly cache: SnapshotCache;
  readonly authenticate: StreamAuthenticator;
  readonly observe: StreamObserver;
  readonly log: Log;
  readonly clock?: Clock;
  readonly limits?: Partial<Limits>;
}

export interface XdsServer {
  /** A new stream of a transport. `only` limits it to one type. */
  open(transport: StreamTransport, variant: VariantName, only?: TypeUrl): XdsStream;
  /** How many streams are open. */
  streams(): number;
  /** The streams as they stand. */
  inspect(): readonly StreamView[];
  /** Ends all streams of a node, for example after an eviction; returns how many. */
  disconnect(node: NodeId, reason: CellwallError): number;
  /** Ends all streams, spread over `spreadMs`, so that their proxies do not all reconnect at once; refuses new ones. */
  close(spreadMs?: number): Promise<void>;
  readonly limits: Limits;
  /** What was computed once for all streams in the same state, since the start. */
  readonly counters: () => SharedCounters;
}

/** How long shared results are kept; it may be twice as long. */
const forgetMs = 1000;

const closing = () => new CellwallError('unavailable', 'the control plane is shutting down', { hint: 'reconnect' });

/** `limits` override the defaults one by one. Opens no port (listen.ts). */
export function createXdsServer(deps: XdsServerDeps): XdsServer {
  const { cache, authenticate, observe, log, clock = systemClock } = deps;
  const limits = { ...defaultLimits, ...deps.limits };
  const flusher = createFlusher({ clock, limits });
  const pacer = createPacer({ clock, limits });
  const ledger = createLedger(limits);
  const awaitFirst = createSilentStreams(limits.silentStreams);
  // Nonces of another process's streams never look like ours.
  const epoch = randomBytes(4).toString('hex');
  let forgetting = false;
  /** Dropped a second after its last use. */
  const forgetLater = (): void => {
    if (forgetting) return;
    forgetting = true;
    clock.after(forgetMs, () => {
      forgetting = false;
      if ([shared.sotw.forget(), shared.delta.forget()].includes(true)) forgetLater();
    });
  };
  const shared = {
    sotw: createSharedSteps(`${epoch}s`, forgetLater),
    delta: createSharedSteps(`${epoch}d`, forgetLater),
  };
  const streams = new Set<OpenXdsStream>();
  let opened = 0;
  let closed = false;

  return {
    open(transport, variant, only) {
      const id = ++opened;
      let stream: OpenXdsStream | undefined;
      const made = createXdsStream({
        id,
        shared: shared[variant],
        variant,
        only,
        transport,
        cache,
        authenticate,
        observe,
        flusher,
        pacer,
        ledger,
        awaitFirst,
        clock,
        limits,
        log,
        onClose: () => {
          if (stream !== undefined) streams.delete(stream);
        },
      });
      stream = made;
      if (made.isOpen()) streams.add(made);
      if (closed) made.refuse(closing());
      return made;
    },
    streams: () => streams.size,
    inspect: () => [...streams].flatMap((stream) => stream.view() ?? []),
    disconnect(node, reason) {
      const those = [...streams].filter((stream) => stream.node() === node);
      for (const stream of those) stream.refuse(reason);
      return those.length;
    },
    async close(spreadMs = 0) {
      closed = true;
      const slots = 20;
      for (let left = slots; left > 0; left--) {
        const share = Math.ceil(streams.size / left);
        for (const stream of [...streams].slice(0, share)) stream.refuse(closing());
        if (streams.size === 0) return;
        await new Promise<void>((resolve) => void clock.after(spreadMs / slots, resolve));
      }
    },
    limits,
    counters: () => sumOf(shared.sotw.counters, shared.delta.counters),
  };
}

function sumOf(a: SharedCounters, b: SharedCounters): SharedCounters {
  return {
    framesMade: a.framesMade + b.framesMade,
    bytesCopied: a.bytesCopied + b.bytesCopied,
    requestsRead: a.requestsRead + b.requestsRead,
    outcomesMade: a.outcomesMade + b.outcomesMade,
  };
}
