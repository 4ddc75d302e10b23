// Checks all of the log, and finds its last records. What was checked once, in a full file that nobody has touched since, is not read
// again: a log of gigabytes is answered for as quickly as a small one. A start, and `cellwall audit verify`, read everything.
import { type BigIntStats, statSync } from 'node:fs';
import { defined } from '../lib/defined.ts';
import { type AuditEvent, isAuditKind } from './audit-event.ts';
import { auditFiles, placedLines } from './audit-files.ts';
import { type AuditRecord, parseRecord, type Sealer } from './audit-record.ts';
import type { Head } from './checkpoint-text.ts';
import { createTrailWalk, type TrailFault, type WalkState } from './walk-trail.ts';

export interface AuditRead {
  /** The last ones, oldest first. */
  readonly records: readonly AuditRecord[];
  /** The line, counted over all files, at which the chain breaks, or at which it ends too early; absent if it is intact. */
  readonly brokenAt?: number;
  /** What is wrong there. */
  readonly fault?: TrailFault;
}

export type WhichKinds = (event: Pick<AuditEvent, 'kind'>) => boolean;

export interface LogCheck {
  /** `walked`: how many lines were read to check them. */
  look(wanted: number, which: WhichKinds): Promise<AuditRead & { readonly walked: number }>;
}

export interface LogCheckDeps {
  readonly file: string;
  readonly holds: Sealer['holds'];
  /** The end that the log has to have, once it is on disk. */
  readonly end: () => Promise<Head>;
}

/** A file as it was: whoever writes to it, or puts another in its place, changes one of these. */
interface FileMark extends Pick<BigIntStats, 'dev' | 'ino' | 'size' | 'mtimeNs' | 'ctimeNs'> {
  readonly path: string;
}

/** Records in one answer. */
const maxReadBytes = 16 * 1024 * 1024;

export function createLogCheck({ file, holds, end }: LogCheckDeps): LogCheck {
  /** Full files that are right, and what follows from them. */
  let checked: { readonly files: readonly FileMark[]; readonly state: WalkState } | undefined;

  const look = async (wanted: number, which: WhichKinds): Promise<AuditRead & { readonly walked: number }> => {
    const expected = await end();
    // Before they are read: what is changed meanwhile is seen the next time.
    const marks = auditFiles(file).map(markOf);
    const known = checked?.files.every((mark, index) => isSame(mark, marks[index])) === true ? checked : undefined;
    const skipped = known?.files.length ?? 0;
    const ends = [{ ...expected, from: 'this control plane' }];
    const walk = createTrailWalk({ holds, file, known: ends, ...defined({ from: known?.state }) });
    const records = lastRecords(wanted);
    let walked = 0;
    let current = skipped;
    for await (const placed of placedLines(marks.slice(skipped).map(({ path }) => path))) {
      while (marks[current]?.path !== placed.file) {
        current += 1;
        if (walk.faults().length === 0) checked = { files: marks.slice(0, current), state: walk.state() };
      }
      // Records appended meanwhile are ignored; the last of them may not be complete yet.
      if (!placed.ended && walk.last().number >= expected.number) break;
      walked += 1;
      const record = walk.take(placed);
      if (record !== undefined && which(record.event)) records.add(record, placed.text?.length ?? 0);
    }
    // A chain that lost its end is intact by itself, but is not the one that was written here.
    walk.finish();
    let found = records.list();
    for (const { path } of marks.slice(0, skipped).toReversed()) {
      const left = wanted - found.length;
      if (left <= 0 || records.isFull()) break;
      found = [...(await lastIn(path, left, which)), ...found];
    }
    const [fault] = walk.faults();
    return { records: found, walked, ...defined({ brokenAt: fault?.overall, fault }) };
  };
  return { look };
}

interface LastRecords {
  add(record: AuditRecord, chars: number): void;
  list(): readonly AuditRecord[];
  /** More would not be answered, however many are wanted. */
  isFull(): boolean;
}

function lastRecords(wanted: number): LastRecords {
  const kept: { readonly record: AuditRecord; readonly chars: number }[] = [];
  let chars = 0;
  let full = false;
  return {
    add(record, its) {
      kept.push({ record, chars: its });
      chars += its;
      full ||= chars > maxReadBytes;
      while (kept.length > wanted || chars > maxReadBytes) chars -= kept.shift()?.chars ?? 0;
    },
    list: () => kept.map(({ record }) => record),
    isFull: () => full,
  };
}

/** Of a file that is right. */
async function lastIn(path: string, wanted: number, which: WhichKinds): Promise<readonly AuditRecord[]> {
  const records = lastRecords(wanted);
  for await (const { text = '' } of placedLines([path])) {
    const kind = kindIn(text);
    if (kind !== undefined && !which({ kind })) continue;
    const record = parseRecord(text);
    if (record !== undefined && which(record.event)) records.add(record, text.length);
  }
  return records.list();
}

/** As it stands in a line that is written by us, without reading all of it. Undefined: look closer. */
function kindIn(line: string): AuditEvent['kind'] | undefined {
  const kind = /^\{(?:"v":2,)?"number":\d+,"time":"[^"]{1,40}","event":\{"kind":"([a-z-]{1,40})"/.exec(line)?.[1];
  return kind !== undefined && isAuditKind(kind) ? kind : undefined;
}

function markOf(path: string): FileMark {
  const stat = statSync(path, { bigint: true });
  const { dev, ino, size, mtimeNs, ctimeNs } = stat;
  return { path, dev, ino, size, mtimeNs, ctimeNs };
}

function isSame(before: FileMark, now: FileMark | undefined): boolean {
  if (now === undefined || before.path !== now.path || before.dev !== now.dev || before.ino !== now.ino) return false;
  return before.size === now.size && before.mtimeNs === now.mtimeNs && before.ctimeNs === now.ctimeNs;
}
