// Writes to the end of the audit log, off the event loop. Each caller waits for its own record; what is appended while a write is in
// progress goes with the next one, under one fsync, in the order of the calls.
import { type FileHandle, open } from 'node:fs/promises';
import { CellwallError } from '../lib/errors.ts';
import type { AuditEvent } from './audit-event.ts';
import { rotate, sizeOf } from './audit-files.ts';
import { type AuditRecord, noHash, type Sealer } from './audit-record.ts';
import type { Head } from './checkpoint.ts';

export interface AppendQueue {
  /** On disk when it resolves; rejects with `unavailable` if that is not possible, and then nothing of it was written. */
  append(event: AuditEvent): Promise<AuditRecord>;
  /** Resolves when everything that was appended before is on disk, or was rejected. */
  flushed(): Promise<void>;
  /** The last record on disk. */
  head(): Head;
}

export interface AppendQueueOptions {
  readonly file: string;
  readonly sealer: Sealer;
  readonly now: () => number;
  /** Where the log ends now. */
  readonly head: Head;
  /** Called with each new end. */
  readonly onHead: (head: Head) => void;
  /** A file of this size is full. */
  readonly fileBytes: number;
  /** Maximum number of waiting records; more are refused. Default 4096. */
  readonly maxWaiting?: number;
  /** Opens the file; tests pass slow and broken ones. */
  readonly openFile?: (
    file: string,
  ) => Promise<Pick<FileHandle, 'stat' | 'appendFile' | 'sync' | 'truncate' | 'close'>>;
}

interface Waiting {
  readonly event: AuditEvent;
  readonly time: string;
  readonly done: (record: AuditRecord) => void;
  readonly failed: (reason: CellwallError) => void;
}

/** A record has the time of its `append`. A write that fails leaves nothing behind, and its records are rejected. */
export function createAppendQueue(options: AppendQueueOptions): AppendQueue {
  const { file, sealer, now, onHead, fileBytes, maxWaiting = 4096 } = options;
  const { openFile = (path: string) => open(path, 'a', 0o600) } = options;
  const waiting: Waiting[] = [];
  let { head } = options;
  let writing: Promise<void> | undefined;
  /** Where half a line may begin that could not be cut off: nothing is written after it. */
  let tornAt: number | undefined;

  /** As many as the file has space for; at least one. */
  const next = (
    room: number,
  ): { readonly batch: readonly Waiting[]; readonly records: readonly AuditRecord[]; readonly text: string } => {
    const records: AuditRecord[] = [];
    let text = '';
    let { number, hash } = head;
    for (const { event, time } of waiting) {
      if (records.length > 0 && text.length >= room) break;
      const record = sealer.make(hash, { number: number + 1, time, event });
      ({ number, hash } = record);
      records.push(record);
      text += `${JSON.stringify(record)}\n`;
    }
    return { batch: waiting.splice(0, records.length), records, text };
  };
  const write = async (text: string): Promise<void> => {
    const handle = await openFile(file);
    try {
      if (tornAt !== undefined) await handle.truncate(tornAt);
      tornAt = undefined;
      const { size } = await handle.stat();
      try {
        await handle.appendFile(text);
        await handle.sync();
      } catch (cause) {
        // A full disk may have accepted half of it.
        tornAt = size;
        await handle.truncate(size);
        tornAt = undefined;
        throw cause;
      }
    } finally {
      await handle.close();
    }
  };
  const work = async (): Promise<void> => {
    while (waiting.length > 0) {
      const { batch, records, text } = next(Math.max(0, fileBytes - sizeOf(file)));
      try {
        if (sizeOf(file) >= fileBytes) rotate(file, head.number);
        await write(text);
      } catch (cause) {
        const reason = unwritable(file, cause);
        for (const { failed } of batch) failed(reason);
        continue;
      }
      const last = records.at(-1);
      head = { number: last?.number ?? head.number, hash: last?.hash ?? noHash };
      onHead(head);
      for (const [at, { done }] of batch.entries()) {
        const record = records[at];
        if (record !== undefined) done(record);
      }
    }
    writing = undefined;
  };

  return {
    append: (event) =>
      new Promise((done, failed) => {
        if (waiting.length >= maxWaiting) return failed(tooSlow(file, waiting.length));
        waiting.push({ event, time: new Date(now()).toISOString(), done, failed });
        // Not within the call: what is appended in one turn of the event loop is written together.
        writing ??= Promise.resolve().then(work);
      }),
    async flushed() {
      while (writing !== undefined) await writing;
    },
    head: () => head,
  };
}

function unwritable(file: string, cause: unknown): CellwallError {
  return new CellwallError('unavailable', `cannot write the audit log: ${CellwallError.from(cause).message}`, {
    hint: `is the disk full, or ${file} not writable?`,
    cause,
  });
}

function tooSlow(file: string, waiting: number): CellwallError {
  return new CellwallError('unavailable', `cannot write the audit log: ${waiting} records wait for the disk`, {
    hint: `how long does the disk of ${file} take for a write?`,
  });
}
