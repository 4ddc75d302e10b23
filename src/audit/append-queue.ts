// Writes to the end of the audit log off the loop. Who appends waits for his own record; what comes while one write is on its way to the
// disk goes with the next, all of it under one fsync, in the order in which it came.
import { type FileHandle, open } from 'node:fs/promises';
import { CellwallError } from '../lib/errors.ts';
import type { AuditEvent } from './audit-event.ts';
import { rotate, sizeOf } from './audit-files.ts';
import { type AuditRecord, noHash, type Sealer } from './audit-record.ts';
import type { Head } from './checkpoint.ts';

export interface AppendQueue {
  /** On disk when it resolves; rejects with `unavailable` if it cannot be, and then nothing of it is there. */
  append(event: AuditEvent): Promise<AuditRecord>;
  /** Resolves when all that was appended before is on disk, or rejected. */
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
  /** Told of each new end. */
  readonly onHead: (head: Head) => void;
  /** A file of this size is full. */
  readonly fileBytes: number;
  /** Records that wait; more are refused. Default 4096. */
  readonly maxWaiting?: number;
  /** Of the disk; tests have slow and broken ones. */
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

export function createAppendQueue(options: AppendQueueOptions): AppendQueue {
  const { file, sealer, now, onHead, fileBytes, maxWaiting = 4096 } = options;
  const { openFile = (path: string) => open(path, 'a', 0o600) } = options;
  const waiting: Waiting[] = [];
  let { head } = options;
  let writing: Promise<void> | undefined;
  /** Where half a line may begin that could not be cut off: nothing is written behind it. */
  let tornAt: number | undefined;

  /** As many as the file has room for; one at least. */
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
        // A full disk may have taken half of it.
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
        // Not within the call: what is appended in one turn of the loop is written at once.
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
