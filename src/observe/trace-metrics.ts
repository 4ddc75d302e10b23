// What is exported of traces: how many spans a collector has, and how many are lost. Read when somebody scrapes.
import { Counter, Gauge, type Registry } from 'prom-client';

export interface TraceFigures {
  readonly waiting: number;
  readonly exported: number;
  /** By reason, one of a few. */
  readonly dropped: Readonly<Record<string, number>>;
  readonly failures: number;
}

export function exportTraces(registry: Registry, read: () => TraceFigures): void {
  const registers = [registry];
  new Gauge({
    name: 'cellwall_trace_spans_waiting',
    help: 'Spans that wait to be sent to the collector.',
    registers,
    collect() {
      this.set(read().waiting);
    },
  });
  new Counter({
    name: 'cellwall_trace_spans_exported_total',
    help: 'Spans that the collector took.',
    registers,
    collect() {
      this.reset();
      this.inc(read().exported);
    },
  });
  new Counter({
    name: 'cellwall_trace_spans_dropped_total',
    help: 'Spans that no collector has, by reason: queue-full, unavailable, refused, rejected, closed.',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset();
      for (const [reason, count] of Object.entries(read().dropped)) this.inc({ reason }, count);
    },
  });
  new Counter({
    name: 'cellwall_trace_export_failures_total',
    help: 'Requests with spans that failed; they are tried again for two minutes.',
    registers,
    collect() {
      this.reset();
      this.inc(read().failures);
    },
  });
}
