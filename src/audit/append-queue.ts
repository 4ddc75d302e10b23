// Writes to the end of the audit log, off the event loop. Each caller waits for its own record; what is appended while a write is in
// progress goes with the next one, under one fsync, in the order of the calls.
import { type FileHandle, open } from 'node:fs/promises';
import { CellwallError } from '../lib/errors.ts';
import type { AuditEvent } from './audit-event.ts';
import { rotate, sizeOf } from './audit-files.ts';
import type { AuditRecord, Sealer } from './audit-record.ts';
import type { Head } from './checkpoint-text.ts';

export interface AppendQueue {
  /** On disk when it resolves; rejects with `unavailable` if that is not possible, and then nothing of it was written. */
  append(event: Appended): Promise<AuditRecord>;
  /** Resolves when everything that was appended before is on disk, or was rejected. */
  flushed(): Promise<void>;
  /** The last record on disk. */
  head(): Head;
}

/** An event, or what makes one of the record before it, which is known only when it is written. If it throws, it is not written. */
export type Appended = AuditEvent | ((before: Head) => AuditEvent);

export interface AppendQueueOptions {
  readonly file: string;
  readonly sealer: Sealer;
  readonly now: () => number;
  /** Where the log ends now. */
  readonly head: Head;
  /** Called with each new end. */
  readonly onHead: (head: Head) => void;
  /** Called when the file is not as long as the last write left it. */
  readonly onForeign?: () => void;
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
  readonly event: Appended;
  readonly time: string;
  readonly done: (record: AuditRecord) => void;
  readonly failed: (reason: CellwallError) => void;
}

interface Due extends Waiting {
  readonly record: AuditRecord;
}

/** Each costs two hashes on the event loop. */
const mostTogether = 256;

/** A record has the time of its `append`. A write that fails leaves nothing behind, and its records are rejected. */
export function createAppendQueue(options: AppendQueueOptions): AppendQueue {
  const { file, sealer, now, onHead, onForeign = () => {}, fileBytes, maxWaiting = 4096 } = options;
  const { openFile = (path: string) => open(path, 'a', 0o600) } = options;
  const waiting: Waiting[] = [];
  let { head } = options;
  let writing: Promise<void> | undefined;
  /** Where half a line may begin that could not be cut off: nothing is written after it. */
  let tornAt: number | undefined;
  /** How long the file was after the last write. */
  let left: number | undefined;

  /** As many as the file has space for, and as are sealed within a few milliseconds; at least one. */
  const next = (room: number): { readonly batch: readonly Due[]; readonly text: string } => {
    const batch: Due[] = [];
    let text = '';
    let before = head;
    while (batch.length === 0 || (text.length < room && batch.length < mostTogether)) {
      const one = waiting.shift();
      if (one === undefined) break;
      const event = eventOf(one, before);
      if (event === undefined) continue;
      const record = sealer.make(before.hash, { number: before.number + 1, time: one.time, event });
      before = { number: record.number, hash: record.hash };
      batch.push({ ...one, record });
      text += `${JSON.stringify(record)}\n`;
    }
    return { batch, text };
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
      const size = knownSize(file);
      if (left !== undefined && left !== size) onForeign();
      left = undefined;
      const { batch, text } = next(Math.max(0, fileBytes - (size ?? 0)));
      const last = batch.at(-1)?.record;
      if (last === undefined) continue;
      try {
        // What could not be looked at says why here, where somebody is told.
        if ((size ?? sizeOf(file)) >= fileBytes) rotate(file, head.number);
        await write(text);
        left = knownSize(file);
      } catch (cause) {
        const reason = unwritable(file, cause);
        for (const { failed } of batch) failed(reason);
        continue;
      }
      head = { number: last.number, hash: last.hash };
      onHead(head);
      for (const { done, record } of batch) done(record);
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

/** Undefined where the system does not say: a loop of links, a disk that is gone. */
function knownSize(file: string): number | undefined {
  try {
    return sizeOf(file);
  } catch {
    return undefined;
  }
}

function eventOf({ event, failed }: Waiting, before: Head): AuditEvent | undefined {
  if (typeof event !== 'function') return event;
  try {
    return event(before);
  } catch (cause) {
    failed(CellwallError.from(cause));
    return undefined;
  }
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
