// Verifies copies of an audit log without the control plane that wrote it: its chain, its signed checkpoints, and whether it still ends
// where a checkpoint that was kept elsewhere says.
import { basename, join } from 'node:path';
import { defined } from '../lib/defined.ts';
import type { Redacted } from '../lib/redacted.ts';
import { isAuditEvent } from './audit-event.ts';
import { auditFiles, placedLines } from './audit-files.ts';
import { type AuditRecord, createSealer, parseRecord } from './audit-record.ts';
import { readCheckpoint, type SignedCheckpoint } from './checkpoint-text.ts';
import { createTrailWalk, type TrailFault, type WalkOptions } from './walk-trail.ts';

export interface VerifyTrailOptions {
  /** Oldest first. */
  readonly files: readonly string[];
  /** Of the data folder that it was written in. Absent: seals are not looked at. */
  readonly key?: Redacted<string>;
  /** Why a signed checkpoint does not hold. Absent: signatures are not looked at. */
  readonly against?: WalkOptions['against'];
  /** Checkpoints that were kept elsewhere, of this log and of others. */
  readonly kept?: readonly (SignedCheckpoint & { readonly file: string; readonly line: number })[];
}

export interface TrailVerdict {
  readonly intact: boolean;
  readonly records: number;
  readonly first?: Pick<AuditRecord, 'number' | 'time'>;
  readonly last?: Pick<AuditRecord, 'number' | 'time'>;
  /** The id of the log, if it has checkpoints. */
  readonly log?: string;
  /** Checkpoints in it, each over all that is before it. */
  readonly checkpoints: number;
  /** The last record that one of them vouches for; 0 if none does. What follows has only its hashes, and its seals. */
  readonly vouched: number;
  /** Those that were kept elsewhere and are of this log. 0: it is not known whether its end is there. */
  readonly compared: number;
  /** Kinds of events that this version does not know. */
  readonly unknownKinds: readonly string[];
  /** What should be known by what was given, and is not: each is a text. Not empty: it may be intact, or not. */
  readonly unseen: readonly string[];
  readonly faults: readonly Omit<TrailFault, 'overall'>[];
}

/** All files of the log in a data folder, oldest first. */
export function trailFiles(data: string): readonly string[] {
  return auditFiles(join(data, 'audit.jsonl'));
}

/** A checkpoint is written a minute after a record: what comes later than this after the last one would have others. */
const uncoveredMs = 10 * 60_000;

export async function verifyTrail({ files, key, against, kept: given }: VerifyTrailOptions): Promise<TrailVerdict> {
  const kept = given ?? [];
  const log = (await logOf(files)) ?? onlyLog(kept);
  const own = kept.filter((one) => one.log === log);
  const forged = own.flatMap((one): TrailFault[] => {
    const why = against?.(one);
    const what = `a checkpoint whose signature does not hold: ${why}`;
    return why === undefined ? [] : [{ kind: 'unvouched', file: one.file, line: one.line, overall: 0, what }];
  });
  const known = forged.length > 0 ? [] : own.map((one) => ({ ...one, from: `the checkpoint of ${one.at}` }));
  const holds = key === undefined ? undefined : createSealer(key).holds;
  const walk = createTrailWalk({ known, file: files.at(-1), ...defined({ holds, against }) });
  const unknown = new Set<string>();
  let records = 0;
  let first: AuditRecord | undefined;
  let last: AuditRecord | undefined;
  /** When the first record was written that no checkpoint covers. */
  let uncoveredSince: string | undefined;
  for await (const line of placedLines(files)) {
    const record = walk.take(line);
    if (record === undefined) continue;
    records += 1;
    first ??= record;
    last = record;
    // A checkpoint covers what is before it, and is covered by the next one.
    if (walk.vouched() === record.number - 1) uncoveredSince = undefined;
    else uncoveredSince ??= record.time;
    if (unknown.size < 20 && !isAuditEvent(record.event)) unknown.add(String(Object(record.event).kind));
  }
  walk.finish();
  const span = uncoveredSince === undefined ? 0 : Date.parse(last?.time ?? '') - Date.parse(uncoveredSince);
  // Times that are none are later than any.
  const isUncovered = records > 0 && (walk.vouched() === 0 || !(span <= uncoveredMs));
  const unseen = [
    ...(given !== undefined && forged.length === 0 && known.length === 0
      ? ['none of the checkpoints that were kept elsewhere is of this log: whether its end is there']
      : []),
    ...(against !== undefined && isUncovered
      ? [`no checkpoint covers what follows record ${walk.vouched()}: whether it was written by a control plane`]
      : []),
  ];
  const faults = [...walk.faults(), ...forged].map(({ overall: _, ...fault }) => fault);
  return {
    intact: faults.length === 0,
    records,
    ...defined({ first: first && placeOf(first), last: last && placeOf(last), log: walk.log() }),
    checkpoints: walk.checkpoints(),
    vouched: walk.vouched(),
    compared: known.length,
    unknownKinds: [...unknown],
    unseen,
    faults,
  };
}

export type KeptElsewhere = NonNullable<VerifyTrailOptions['kept']>;

/** Checkpoints as JSON: an array, or one a line. Throws `SyntaxError` for anything else. */
export function readKept(text: string, file: string): KeptElsewhere {
  const whole = parsed(text);
  const lines = text.split('\n').map((line, index) => ({ value: parsed(line), line: index + 1, text: line }));
  const given = Array.isArray(whole)
    ? whole.map((value: unknown, index) => ({ value, line: index + 1 }))
    : lines.filter((one) => one.text.trim() !== '');
  return given.map(({ value, line }) => {
    const checkpoint = readCheckpoint(value);
    if (checkpoint === undefined) throw new SyntaxError(`${basename(file)}:${line}: not a checkpoint`);
    return { ...checkpoint, file, line };
  });
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** As its first checkpoint says. */
async function logOf(files: readonly string[]): Promise<string | undefined> {
  for await (const { text } of placedLines(files)) {
    const event = text === undefined ? undefined : parseRecord(text)?.event;
    if (event?.kind === 'checkpoint') return event.log;
  }
  return undefined;
}

function onlyLog(kept: readonly SignedCheckpoint[]): string | undefined {
  const logs = new Set(kept.map(({ log }) => log));
  return logs.size === 1 ? [...logs][0] : undefined;
}

function placeOf({ number, time }: AuditRecord): Pick<AuditRecord, 'number' | 'time'> {
  return { number, time };
}
