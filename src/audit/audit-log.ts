// The audit log: one JSON object per line, each sealed and with the hash of the one before, so that nothing can be changed, inserted or
// removed without detection. Its last record is also remembered outside of the log, so that truncation is detected, too; and checkpoints,
// in it and outside, are signed by a key that the CA certified, so that others can verify it without ours.
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import { createEvent } from '../lib/event.ts';
import type { Log } from '../lib/log.ts';
import type { Redacted } from '../lib/redacted.ts';
import type { Table } from '../lib/table.ts';
import { createAppendQueue } from './append-queue.ts';
import type { AuditEvent } from './audit-event.ts';
import { auditFiles, linesOf, modifiedAt, repairedTail } from './audit-files.ts';
import { type AuditRecord, createSealer, noHash, parseRecord } from './audit-record.ts';
import { type AuditRead, createLogCheck, type WhichKinds } from './check-log.ts';
import type { CheckpointSigner, Head, SignedCheckpoint } from './checkpoint-text.ts';
import { createCheckpoints } from './checkpoints.ts';
import { createKeptEnd } from './kept-end.ts';
import type { TrailFault } from './walk-trail.ts';

export type { AuditRecord };

export interface AuditLog {
  /** On disk when it resolves; rejects with `unavailable` if that is not possible. Records are written in the order of the calls. */
  append(event: AuditEvent): Promise<AuditRecord>;
  /** Resolves when everything that was appended before is on disk, or was rejected. */
  flushed(): Promise<void>;
  /**
   * Checks everything, including what was appended before the call, but for full files that were right and that nobody has touched since;
   * returns the last records, or the last of those that are `wanted`.
   */
  read(last: number, wanted?: WhichKinds): Promise<AuditRead>;
  /** Checks nothing: every record since about then, oldest first. */
  since(at: number): AsyncIterable<AuditRecord>;
  /** The last record on disk. */
  head(): Head;
  /** Called when there are new records on disk. The returned function unsubscribes. */
  watch(listener: () => void): () => void;
  /** What the last `read` found. */
  fault(): TrailFault | undefined;
  /** Checkpoints are signed from now on. */
  signWith(signer: CheckpointSigner): void;
  /** The last signed one of this log, and of every other one that shares the table. */
  checkpoints(): Promise<readonly SignedCheckpoint[]>;
  /** A last checkpoint; resolves when everything is on disk, and remembered outside. */
  close(): Promise<void>;
}

export interface AuditLogOptions {
  readonly file: string;
  readonly clock: Pick<Clock, 'now' | 'after'>;
  readonly log: Log;
  /** Seals its records. */
  readonly key: Redacted<string>;
  /** Remembers the last record outside of the file; what it returns was written by this control plane. */
  readonly table: Table;
  /** Name among several logs that share the table. Default `head`. */
  readonly name?: string;
  /** In its checkpoints: that of no other log. Default: its name. */
  readonly id?: string;
  /** A file is full at this size. Default 16 MiB. */
  readonly fileBytes?: number;
}

/** The resolution of modification times in file systems, rounded down: a record may be younger than its file. */
const coarsestMs = 2000;

/** Removes an incomplete last line, which a crash may have left, and logs that. Checks nothing else: `read` does. */
export async function openAuditLog(options: AuditLogOptions): Promise<AuditLog> {
  const { file, clock, log, key, table, name = 'head', id = name, fileBytes = 16 * 1024 * 1024 } = options;
  const sealer = createSealer(key);
  const kept = createKeptEnd({ table, name, id, clock, log });
  const { line, cut } = await repairedTail(file);
  if (cut > 0) log.warn({ file, bytes: cut }, 'an incomplete line at the end of the audit log is removed');
  const full = auditFiles(file).filter((other) => other !== file);
  const lastLine = line !== '' || full.length === 0 ? line : (await repairedTail(full.at(-1) ?? file)).line;
  const last = parseRecord(lastLine);
  const known = await kept.read();
  const end = { number: last?.number ?? (lastLine === '' ? 0 : (known?.number ?? 0)), hash: last?.hash ?? noHash };

  const grown = createEvent<void>();
  let lastFault: TrailFault | undefined;
  const onHead = (head: Head): void => {
    kept.write(head);
    checkpoints.wrote(head);
    grown.tell();
  };
  const onForeign = (): void => {
    log.error({ file }, 'somebody else wrote to the audit log, or removed it');
    // What is wrong with it is known afterwards.
    read(0, () => true).catch(() => undefined);
  };
  const queue = createAppendQueue({ file, sealer, now: () => clock.now(), head: end, onHead, onForeign, fileBytes });
  const checkpoints = createCheckpoints({ id, append: queue.append, head: queue.head, clock, log });
  const check = createLogCheck({
    ...{ file, holds: sealer.holds },
    async end() {
      await queue.flushed();
      return queue.head();
    },
  });

  /** If the log went on in another file meanwhile, it is looked at again before it is called broken. */
  const read = async (wanted: number, which: WhichKinds): Promise<AuditRead> => {
    for (let tries = 3; ; tries -= 1) {
      const files = auditFiles(file).join();
      const { walked: _, ...found } = await check.look(wanted, which);
      if (found.fault !== undefined && tries > 0 && auditFiles(file).join() !== files) continue;
      lastFault = found.fault;
      return found;
    }
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
    head: queue.head,
    watch: grown.listen,
    fault: () => lastFault,
    read(wanted, which = () => true) {
      // One after the other: each reads everything.
      const next = reading.then(() => read(wanted, which));
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
    signWith(signer) {
      kept.signWith(signer);
      checkpoints.signWith(signer);
    },
    checkpoints: kept.signed,
    async close() {
      await checkpoints.close();
      await queue.flushed();
      await kept.settled().catch((reason: unknown) => {
        log.error({ reason: CellwallError.from(reason).message }, 'where the audit log ends is not remembered');
      });
    },
  };
}
