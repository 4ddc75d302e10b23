// Where records of the audit log go as well. deliver.ts decides when, and what is sent again.
import type { AuditRecord } from '../audit/audit-record.ts';
import type { Log } from '../lib/log.ts';

export interface SinkDeps {
  /** The id of the audit log. */
  readonly id: string;
  readonly log: Log;
}

export interface SinkRecord {
  readonly record: AuditRecord;
  /** As it is in the log, without a newline. */
  readonly line: string;
}

export interface AuditSink {
  /**
   * Takes all of them, in their order, or throws a `CellwallError`; then some of them may be there, and all of them come again. Gives up
   * soon after `signal` is aborted.
   */
  send(records: readonly SinkRecord[], signal: AbortSignal): Promise<void>;
  close?(): void;
}
