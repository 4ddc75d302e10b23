// What is exported of the store: read when somebody scrapes.
import { Gauge, Histogram, type Registry } from 'prom-client';

/** What a store may say of itself. */
export interface StoreFigures {
  trouble?(): { readonly kind: 'away' | 'read-only' } | undefined;
  /** What somebody wrote there directly, and that waits. */
  readonly direct?: { waiting(): readonly unknown[] };
  readonly lastGood?: { kept(): readonly { readonly revision: number }[]; fallback(): object | undefined };
}

export function exportStore(registry: Registry, store: StoreFigures): void {
  const registers = [registry];
  new Gauge({
    name: 'cellwall_store_stale',
    help: '1 while the store is away: what is in force is the last good state, and changes are refused.',
    registers,
    collect() {
      this.set(store.trouble?.()?.kind === 'away' ? 1 : 0);
    },
  });
  new Gauge({
    name: 'cellwall_store_read_only',
    help: '1 while the store takes no writes: what is in force is up to date, and changes are refused.',
    registers,
    collect() {
      this.set(store.trouble?.()?.kind === 'read-only' ? 1 : 0);
    },
  });
  new Gauge({
    name: 'cellwall_direct_edits_waiting',
    help: 'Documents that somebody wrote into the store directly, and that wait for approval: see "cellwall waiting".',
    registers,
    collect() {
      this.set(store.direct?.waiting().length ?? 0);
    },
  });
  new Gauge({
    name: 'cellwall_last_good_revision',
    help: 'The newest revision that has been in force for a while without a rejection; 0 if none is kept.',
    registers,
    collect() {
      this.set(store.lastGood?.kept()[0]?.revision ?? 0);
    },
  });
  new Gauge({
    name: 'cellwall_last_good_started',
    help: '1 while not the documents that were last in force are in force, as the process died under them or they are damaged on disk.',
    registers,
    collect() {
      this.set(store.lastGood?.fallback() === undefined ? 0 : 1);
    },
  });
}

/** Told of each change that others made: how long it took until it was in force here. */
export function createStoreLag(registry: Registry): (by: 'files' | 'replica', ms: number) => void {
  const lag = new Histogram({
    name: 'cellwall_store_lag_seconds',
    help: 'Time from a change of documents being written by another control plane, or in a file, until it is in force here.',
    labelNames: ['by'],
    buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers: [registry],
  });
  // Prometheus sees no increase of what was not there.
  for (const by of ['files', 'replica']) lag.zero({ by });
  return (by, ms) => lag.observe({ by }, ms / 1000);
}

export function exportEndpoints(registry: Registry, held: () => number): void {
  new Gauge({
    name: 'cellwall_endpoints_held',
    help: 'Endpoints that callers keep although their proxies disappeared: too many did at once.',
    registers: [registry],
    collect() {
      this.set(held());
    },
  });
}

export function exportIsolation(registry: Registry, isolated: () => boolean): void {
  new Gauge({
    name: 'cellwall_store_isolated',
    help: '1 while this control plane hears nothing of the store, and another one does: it takes no new streams.',
    registers: [registry],
    collect() {
      this.set(isolated() ? 1 : 0);
    },
  });
}
