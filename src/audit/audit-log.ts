// The audit log: one JSON object per line, each sealed and with the hash of the one before, so that nothing can be changed, inserted or
// removed without detection. Its last record is also remembered outside of the log, so that truncation is detected, too.
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import type { Log } from '../lib/log.ts';
import type { Redacted } from '../lib/redacted.ts';
import type { Table } from '../lib/table.ts';
import { createAppendQueue } from './append-queue.ts';
import type { AuditEvent } from './audit-event.ts';
import { auditFiles, linesOf, modifiedAt, repairedTail } from './audit-files.ts';
import { type AuditRecord, createSealer, noHash, parseRecord } from './audit-record.ts';
import { createCheckpoint } from './checkpoint.ts';

export type { AuditRecord };

export interface AuditRead {
  /** The last ones, oldest first. */
  readonly records: readonly AuditRecord[];
  /** The line, counted over all files, at which the chain breaks, or at which it ends too early; absent if it is intact. */
  readonly brokenAt?: number;
}

export interface AuditLog {
  /** On disk when it resolves; rejects with `unavailable` if that is not possible. Records are written in the order of the calls. */
  append(event: AuditEvent): Promise<AuditRecord>;
  /** Resolves when everything that was appended before is on disk, or was rejected. */
  flushed(): Promise<void>;
  /** Checks everything, including what was appended before the call; returns the last records. */
  read(last: number): Promise<AuditRead>;
  /** Checks nothing: every record since about then, oldest first. */
  since(at: number): AsyncIterable<AuditRecord>;
}

export interface AuditLogOptions {
  readonly file: string;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Log;
  /** Seals its records. */
  readonly key: Redacted<string>;
  /** Remembers the last record outside of the file; what it returns was written by this control plane. */
  readonly table: Table;
  /** Name among several logs that share the table. Default `head`. */
  readonly name?: string;
  /** A file is full at this size. Default 16 MiB. */
  readonly fileBytes?: number;
}

/** The resolution of modification times in file systems, rounded down: a record may be younger than its file. */
const coarsestMs = 2000;

/** Records in one answer. */
const maxReadBytes = 16 * 1024 * 1024;

/** Removes an incomplete last line, which a crash may have left, and logs that. Checks nothing else: `read` does. */
export async function openAuditLog(options: AuditLogOptions): Promise<AuditLog> {
  const { file, clock, log, key, table, name = 'head', fileBytes = 16 * 1024 * 1024 } = options;
  const sealer = createSealer(key);
  const checkpoint = createCheckpoint({ table, name, log });
  const { line, cut } = repairedTail(file);
  if (cut > 0) log.warn({ file, bytes: cut }, 'an incomplete line at the end of the audit log is removed');
  const full = auditFiles(file).filter((other) => other !== file);
  const lastLine = line !== '' || full.length === 0 ? line : repairedTail(full.at(-1) ?? file).line;
  const last = parseRecord(lastLine);
  const known = await checkpoint.read();
  const end = { number: last?.number ?? (lastLine === '' ? 0 : (known?.number ?? 0)), hash: last?.hash ?? noHash };

  const queue = createAppendQueue({
    ...{ file, sealer, now: () => clock.now(), head: end, onHead: checkpoint.write, fileBytes },
  });
  const read = async (wanted: number): Promise<AuditRead> => {
    await queue.flushed();
    const expected = queue.head();
    const records: { readonly record: AuditRecord; readonly bytes: number }[] = [];
    let bytes = 0;
    let brokenAt: number | undefined;
    let previous = { number: 0, hash: noHash };
    let at = 0;
    for await (const text of linesOf(auditFiles(file))) {
      at += 1;
      const record = text === undefined ? undefined : parseRecord(text);
      const whole =
        record !== undefined && record.number === previous.number + 1 && sealer.holds(previous.hash, record);
      if (!whole || record.event.kind === 'log-cut') brokenAt ??= at;
      if (record === undefined) continue;
      previous = { number: record.number, hash: record.hash };
      records.push({ record, bytes: text?.length ?? 0 });
      bytes += text?.length ?? 0;
      while (records.length > wanted || bytes > maxReadBytes) bytes -= records.shift()?.bytes ?? 0;
    }
    // A chain that lost its end is intact by itself, but is not the one that was written here. Records appended meanwhile are ignored.
    if (previous.number < expected.number || (previous.number === expected.number && previous.hash !== expected.hash)) {
      brokenAt ??= at + 1;
    }
    return { records: records.map(({ record }) => record), ...defined({ brokenAt }) };
  };

  if (known !== undefined && (end.number < known.number || (end.number === known.number && end.hash !== known.hash))) {
    log.error({ file, found: end.number, expected: known.number }, 'the audit log lost its end');
    await queue.append({ kind: 'log-cut', found: end.number, expected: known.number });
  } else if (known === undefined && end.number > 0) {
    log.warn({ file }, 'the last record of the audit log is not known: the state database is new');
    await queue.append({ kind: 'checkpoint-missing', found: end.number });
  }
  let reading: Promise<unknown> = Promise.resolve();
  return {
    append: queue.append,
    flushed: queue.flushed,
    read(wanted) {
      // One after the other: each reads everything.
      const next = reading.then(() => read(wanted));
      reading = next.catch(() => undefined);
      return next;
    },
    async *since(at) {
      await queue.flushed();
      const files = auditFiles(file).filter((one) => modifiedAt(one) + coarsestMs >= at);
      for await (const text of linesOf(files)) {
        const record = text === undefined ? undefined : parseRecord(text);
        if (record !== undefined && Date.parse(record.time) >= at) yield record;
      }
    },
  };
}
