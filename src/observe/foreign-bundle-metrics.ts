// Metrics about the bundles of foreign trust domains: read at every scrape.
import { Counter, Gauge, type Registry } from 'prom-client';

export interface ForeignBundleFigures {
  readonly trustDomain: string;
  /** Absent: the bundle is the document's. */
  readonly url?: string;
  readonly roots: number;
  /** Epoch milliseconds. */
  readonly fetchedAt?: number;
  readonly failures: number;
}

/** `read` is called at every scrape; `now`: epoch milliseconds. */
export function exportForeignBundles(
  registry: Registry,
  read: () => readonly ForeignBundleFigures[],
  now: () => number,
): void {
  const startedAt = now();
  const shared = { labelNames: ['trust_domain'], registers: [registry] };
  new Gauge({
    ...shared,
    name: 'cellwall_foreign_bundle_roots',
    help: 'Roots of a foreign trust domain that are in force; 0: nobody of it is accepted.',
    collect() {
      this.reset();
      for (const { trustDomain, roots } of read()) this.set({ trust_domain: trustDomain }, roots);
    },
  });
  new Gauge({
    ...shared,
    name: 'cellwall_foreign_bundle_age_seconds',
    help: 'Time since the bundle of a foreign trust domain was had from its endpoint; since the start where it never was.',
    collect() {
      this.reset();
      for (const { trustDomain, url, fetchedAt = startedAt } of read()) {
        if (url !== undefined) this.set({ trust_domain: trustDomain }, Math.max(0, now() - fetchedAt) / 1000);
      }
    },
  });
  new Counter({
    ...shared,
    name: 'cellwall_foreign_bundle_failures_total',
    help: 'Attempts to fetch the bundle of a foreign trust domain that failed.',
    collect() {
      this.reset();
      for (const { trustDomain, failures } of read()) this.inc({ trust_domain: trustDomain }, failures);
    },
  });
}
