// What a stream is made of.
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { Pacer } from '../../lib/pacer.ts';
import type { Limits } from '../protocol/limits.ts';
import type { SharedSteps } from '../protocol/shared-steps.ts';
import type { VariantName } from '../protocol/variant.ts';
import type { SnapshotCache } from '../resources/cache.ts';
import type { TypeUrl } from '../resources/type-url.ts';
import type { Flusher } from './flusher.ts';
import type { Ledger } from './ledger.ts';
import type { StreamPeer } from './node.ts';
import type { StreamAuthenticator, StreamId, StreamObserver } from './observer.ts';
import type { StreamTransport } from './transport.ts';

export interface StreamDeps {
  readonly id: StreamId;
  /** Shared with the other streams of its variant. */
  readonly shared: SharedSteps;
  readonly variant: VariantName;
  /** Limits the stream to one type. */
  readonly only: TypeUrl | undefined;
  readonly transport: StreamTransport;
  readonly cache: SnapshotCache;
  readonly authenticate: StreamAuthenticator;
  readonly observe: StreamObserver;
  readonly flusher: Flusher;
  readonly pacer: Pacer;
  readonly ledger: Ledger;
  /** Counts it among those that have not said whose they are; returns a function that removes it again. */
  readonly awaitFirst: (peer: StreamPeer) => () => void;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly log: Log;
  readonly onClose: () => void;
}
