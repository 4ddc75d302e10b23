// Metrics about the places where the trust bundle is published: read at every scrape.
import { Counter, Gauge, type Registry } from 'prom-client';

export interface PublisherFigures {
  readonly name: string;
  readonly sequence?: number;
  /** Epoch milliseconds. */
  readonly confirmedAt?: number;
  readonly failures: number;
  readonly drifts: number;
}

/** `read` is called at every scrape; `now`: epoch milliseconds. */
export function exportPublishers(registry: Registry, read: () => readonly PublisherFigures[], now: () => number): void {
  const startedAt = now();
  const shared = { labelNames: ['publisher'], registers: [registry] };
  new Gauge({
    ...shared,
    name: 'cellwall_publisher_published_sequence',
    help: 'Sequence of the trust bundle that is published at a place.',
    collect() {
      this.reset();
      for (const { name, sequence } of read()) if (sequence !== undefined) this.set({ publisher: name }, sequence);
    },
  });
  new Gauge({
    ...shared,
    name: 'cellwall_publisher_confirmed_age_seconds',
    help: 'Time since the trust bundle in force was read back from a place; since the start where it never was.',
    collect() {
      this.reset();
      for (const { name, confirmedAt = startedAt } of read()) {
        this.set({ publisher: name }, Math.max(0, now() - confirmedAt) / 1000);
      }
    },
  });
  new Counter({
    ...shared,
    name: 'cellwall_publisher_failures_total',
    help: 'Attempts to publish the trust bundle, or to read it back, that failed.',
    collect() {
      this.reset();
      for (const { name, failures } of read()) this.inc({ publisher: name }, failures);
    },
  });
  new Counter({
    ...shared,
    name: 'cellwall_publisher_drifts_total',
    help: 'Times that somebody else had changed what was published; it was put right.',
    collect() {
      this.reset();
      for (const { name, drifts } of read()) this.inc({ publisher: name }, drifts);
    },
  });
}
