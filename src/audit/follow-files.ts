// Records of the log after a place in it, from its files, while it is written and goes on in other files. Checks nothing: reading the log
// and verifying a copy of it do that.
import { auditFiles, placedLines } from './audit-files.ts';
import { type AuditRecord, parseRecord } from './audit-record.ts';
import type { Head } from './checkpoint-text.ts';

/** A record of the log. */
export interface LogPlace extends Head {
  /** Where its line ends in its file. Absent: it is looked for. */
  readonly end?: number;
}

export interface FollowedRecord {
  readonly record: AuditRecord;
  /** Without its newline. */
  readonly line: string;
  readonly place: LogPlace;
}

/**
 * Up to what is in the files now. `lost` is called if the log does not have that place: then what it has since it lost its end comes, or
 * everything.
 */
export async function* recordsAfter(
  file: string,
  place: LogPlace | undefined,
  lost: () => void,
): AsyncGenerator<FollowedRecord, void> {
  const all = auditFiles(file);
  const { number = 0, end: known } = place ?? {};
  // What is not known to be there is looked for where it should be.
  const from = all.findIndex((path) => lastIn(path) >= number + (known === undefined ? 0 : 1));
  const files = from === -1 ? [] : all.slice(from);
  const isLastOfFile = all.some((path) => lastIn(path) === number);
  let found = place === undefined || known !== undefined;
  let last = number;
  for await (const { text, ended, end } of placedLines(files, isLastOfFile ? 0 : known)) {
    // It is being written.
    if (!ended) break;
    const record = text === undefined ? undefined : parseRecord(text);
    if (record === undefined || text === undefined) continue;
    if (!found) {
      if (record.number < number) continue;
      if (record.number !== number || record.hash !== place?.hash) break;
      found = true;
      continue;
    }
    // The log went on in another file while these were read: next time.
    if (record.number !== last + 1 && auditFiles(file).join() !== all.join()) return;
    last = record.number;
    yield { record, line: text, place: { number: record.number, hash: record.hash, end } };
  }
  if (found) return;
  lost();
  const begin = await cutBefore(file, number);
  for await (const one of recordsAfter(file, undefined, lost)) if (one.record.number >= begin) yield one;
}

/** The number of the last record up to that one that says that the log had lost its end; 0 if there is none. */
async function cutBefore(file: string, number: number): Promise<number> {
  let begin = 0;
  for await (const { text } of placedLines(auditFiles(file))) {
    const record = text === undefined ? undefined : parseRecord(text);
    if (record?.event.kind === 'log-cut' && record.number <= number) begin = record.number;
  }
  return begin;
}

/** Of a full file; one that is being written may have any. */
function lastIn(path: string): number {
  return Number(/-(\d{12})\.jsonl$/.exec(path)?.[1] ?? Number.POSITIVE_INFINITY);
}
