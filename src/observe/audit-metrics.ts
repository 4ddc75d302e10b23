// What is exported of the audit log and its sinks: read when somebody scrapes.
import { Counter, Gauge, type Registry } from 'prom-client';

export interface AuditFigures {
  /** Of the last record. */
  readonly number: number;
  readonly isBroken: boolean;
  readonly sinks: readonly { readonly name: string; readonly waiting: number; readonly failures: number }[];
}

export function exportAudit(registry: Registry, read: () => AuditFigures): void {
  const registers = [registry];
  const labelNames = ['sink'];
  new Gauge({
    name: 'cellwall_audit_last_record',
    help: 'Number of the last record of the audit log.',
    registers,
    collect() {
      this.set(read().number);
    },
  });
  new Gauge({
    name: 'cellwall_audit_broken',
    help: '1 if the audit log was found changed, cut off or written anew, at the start or when it was last read.',
    registers,
    collect() {
      this.set(read().isBroken ? 1 : 0);
    },
  });
  new Gauge({
    name: 'cellwall_audit_sink_waiting_records',
    help: 'Records of the audit log that a sink does not have yet.',
    ...{ labelNames, registers },
    collect() {
      this.reset();
      for (const { name, waiting } of read().sinks) this.set({ sink: name }, waiting);
    },
  });
  new Counter({
    name: 'cellwall_audit_sink_failures_total',
    help: 'Attempts to bring records of the audit log to a sink that failed.',
    ...{ labelNames, registers },
    collect() {
      this.reset();
      for (const { name, failures } of read().sinks) this.inc({ sink: name }, failures);
    },
  });
}

/** `lost`: since the start. */
export function exportAuditLosses(registry: Registry, lost: () => number): void {
  new Counter({
    name: 'cellwall_audit_records_lost_total',
    help: 'Events that could not be written into the audit log; the log says how many and of what kinds.',
    registers: [registry],
    collect() {
      this.reset();
      this.inc(lost());
    },
  });
}
