// Publishes the trust bundle: of replicas that share a store, one does.

import type { PublisherStatus } from '../identity/publisher/publisher-status.ts';
import type { openPublishers, Publishers } from '../identity/publisher/publishers.ts';
import type { TrustBundle } from '../identity/trust-bundle.ts';
import type { Clock } from '../lib/clock.ts';
import type { Lifecycle } from '../lib/lifecycle.ts';
import type { Log } from '../lib/log.ts';
import { createSingleton } from '../lib/singleton.ts';
import type { Watchable } from '../lib/watchable.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { Store } from '../store/store.ts';

export interface PublishingParts {
  readonly publish: Awaited<ReturnType<typeof openPublishers>>;
  readonly store: Pick<Store, 'table'>;
  /** Others may use the store. */
  readonly shared: boolean;
  readonly bundle: Watchable<TrustBundle>;
  /** What is published beside the trust bundle; for status and metrics. */
  readonly also: () => readonly PublisherStatus[];
  readonly metrics: Pick<Metrics, 'watchPublishers'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly lifecycle: Lifecycle;
}

export interface Publishing {
  /** Of the trust bundle. Empty where another replica publishes. */
  readonly status: () => readonly PublisherStatus[];
  readonly all: Pick<Publishers, 'status'>;
}

export function openPublishing(parts: PublishingParts): Publishing {
  const { publish, store, shared, bundle, also, metrics, clock, log, lifecycle } = parts;
  let running: Publishers | undefined;
  const begin = (): (() => void) => {
    const begun = publish({ bundle, clock, log });
    running = begun;
    return () => {
      begun.close();
      running = undefined;
    };
  };
  if (shared) {
    const one = createSingleton({ table: store.table('jobs'), lease: 'publishers', clock, log, begin });
    lifecycle.defer('publishers', one.stop);
  } else lifecycle.defer('publishers', begin());
  const status = () => running?.status() ?? [];
  const all = { status: () => [...status(), ...also()] };
  metrics.watchPublishers(all.status, clock.now);
  return { status, all };
}
