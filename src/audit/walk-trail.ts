// Follows the chain of an audit log from its first line to its last, and says at which line it is not the one that was written. Pure: it is
// given the lines, and asks for no key: what needs one is passed.
import type { TrailLine } from './audit-files.ts';
import { type AuditRecord, follows, noHash, parseRecord } from './audit-record.ts';
import type { Head, SignedCheckpoint } from './checkpoint-text.ts';

export type FaultKind =
  /** Not a line that is written by us. */
  | 'unreadable'
  | 'changed'
  /** Every hash is right, but whoever wrote it had not the key. */
  | 'forged'
  | 'missing'
  | 'reordered'
  | 'repeated'
  | 'begun-anew'
  | 'cut'
  /** A checkpoint in it does not hold. */
  | 'unvouched';

export interface TrailFault {
  readonly kind: FaultKind;
  readonly file: string;
  /** In that file, from 1. */
  readonly line: number;
  /** Over all files, from 1. */
  readonly overall: number;
  readonly what: string;
}

/** An end of this log that is known from elsewhere; `from` says whence. */
export interface KnownEnd extends Head {
  readonly from: string;
}

export interface WalkOptions {
  /** Whether a record carries our seal. Absent: the key is not known, and seals are not looked at. */
  readonly holds?: (previous: string, record: AuditRecord) => boolean;
  /** Why a signed checkpoint does not hold; undefined if it does. Absent: signatures are not looked at. */
  readonly against?: (checkpoint: SignedCheckpoint) => string | undefined;
  readonly known?: readonly KnownEnd[];
  /** Where a log that has no line would be. */
  readonly file?: string | undefined;
  /** What another walk knew after the files before those that this one is given. */
  readonly from?: WalkState;
}

/** Of a walk that found nothing wrong yet. */
export interface WalkState {
  readonly last: Head;
  readonly overall: number;
  readonly newest: AuditRecord['v'];
  readonly log: string | undefined;
  readonly header: string | undefined;
  readonly checkpoints: number;
  readonly vouched: number;
  readonly recent: ReadonlyMap<number, string>;
}

export interface TrailWalk {
  /** The record in that line, if there is one: also if it does not stand where it should. */
  take(line: TrailLine): AuditRecord | undefined;
  /** After the last line: what `known` misses. */
  finish(): void;
  /** To go on from here with other lines. */
  state(): WalkState;
  /** In the order in which they were found, 100 at most. */
  faults(): readonly TrailFault[];
  /** The last record whose place was right. */
  last(): Head;
  /** The id that its checkpoints name. */
  log(): string | undefined;
  /** Checkpoints in it whose content fits, and, if they were to be looked at, whose signature holds. */
  checkpoints(): number;
  /** The last record that the last of them vouches for; 0 if there is none. */
  vouched(): number;
}

type Checkpointed = Extract<AuditRecord['event'], { kind: 'checkpoint' }>;

const maxFaults = 100;
/** Of the latest records: to tell what is repeated from what is out of order. */
const maxRemembered = 10_000;

export function createTrailWalk({ holds, against, known = [], file = '', from }: WalkOptions): TrailWalk {
  const faults: TrailFault[] = [];
  const recent = new Map(from?.recent);
  let last: Head = from?.last ?? { number: 0, hash: noHash };
  let place = { file, line: 0 };
  let overall = from?.overall ?? 0;
  /** Lines since the last record that could not be read: they may have been records. */
  let unread = 0;
  let newest = from?.newest;
  let [log, header] = [from?.log, from?.header];
  let [checkpoints, vouched] = [from?.checkpoints ?? 0, from?.vouched ?? 0];

  const fault = (kind: FaultKind, what: string, { file, line }: { file: string; line: number } = place): void => {
    if (faults.length < maxFaults) faults.push({ kind, file, line, overall: overall + (line - place.line), what });
  };

  const otherThan = ({ number, from: whence }: KnownEnd): void =>
    fault('begun-anew', `record ${number} is another one than ${whence} knows: the log was written anew`);

  const whyUnvouched = (event: Checkpointed, before: Head): string | undefined => {
    if (log !== undefined && event.log !== log) return `a checkpoint of another log, ${event.log}`;
    log = event.log;
    header = event.protected ?? header;
    if (event.number !== before.number || event.hash !== before.hash) {
      return 'a checkpoint of something else than the record before it';
    }
    const why = header === undefined ? 'it comes with no certificate' : against?.({ ...event, protected: header });
    return why === undefined ? undefined : `a checkpoint whose signature does not hold: ${why}`;
  };
  const checkpoint = (event: Checkpointed, before: Head): void => {
    const why = whyUnvouched(event, before);
    if (why !== undefined) {
      fault('unvouched', why);
      return;
    }
    checkpoints += 1;
    vouched = event.number;
  };

  /** What stands at its place. */
  const accept = (record: AuditRecord, isNext: boolean): void => {
    const { number, hash, v, event } = record;
    if (newest === 2 && v === undefined) fault('changed', `record ${number} has an earlier form than those before it`);
    else if (isNext && !follows(last.hash, record)) {
      fault('changed', `record ${number} does not follow from the line before: it was changed, or that one was`);
    } else if (isNext && holds !== undefined && !holds(last.hash, record)) {
      fault('forged', `record ${number} was not sealed by this control plane`);
    }
    newest = v ?? newest;
    const before = last;
    last = { number, hash };
    recent.set(number, hash);
    const oldest = recent.keys().next().value;
    if (recent.size > maxRemembered && oldest !== undefined) recent.delete(oldest);
    for (const end of known) if (end.number === number && end.hash !== hash) otherThan(end);
    if (event.kind === 'log-cut') {
      fault('cut', `at a start the log ended with record ${event.found}, and had ended with record ${event.expected}`);
    }
    if (event.kind === 'checkpoint' && isNext) checkpoint(event, before);
  };

  return {
    take(line) {
      overall += 1;
      place = line;
      const record = line.ended && line.text !== undefined ? parseRecord(line.text) : undefined;
      if (record === undefined) {
        fault(line.ended ? 'unreadable' : 'cut', whyNot(line));
        unread += 1;
        return undefined;
      }
      const { number, hash } = record;
      if (number === last.number + 1) accept(record, true);
      // What could not be read may have been what is missing.
      else if (number > last.number && number <= last.number + 1 + unread) accept(record, false);
      else if (number > last.number) {
        const missing =
          number === last.number + 2 ? `record ${number - 1} is` : `records ${last.number + 1} to ${number - 1} are`;
        fault('missing', `${missing} missing before record ${number}`);
        accept(record, false);
      } else if (recent.get(number) === hash) fault('repeated', `record ${number} stands here again`);
      else if (number === 1) {
        fault('begun-anew', `the chain begins anew after record ${last.number}`);
        accept(record, false);
      } else fault('reordered', `record ${number} stands after record ${last.number}`);
      unread = 0;
      return record;
    },
    finish() {
      const end = known.toSorted((a, b) => b.number - a.number)[0];
      if (end === undefined || end.number < last.number) return;
      if (end.number === last.number) {
        // Otherwise it was compared when it came.
        if (last === from?.last && end.hash !== last.hash) otherThan(end);
        return;
      }
      const { file, line } = place;
      fault('cut', `it ends with record ${last.number}; ${end.from} knows record ${end.number}`, {
        file,
        line: line + 1,
      });
    },
    state: () => ({ last, overall, newest, log, header, checkpoints, vouched, recent: new Map(recent) }),
    faults: () => faults,
    last: () => last,
    log: () => log,
    checkpoints: () => checkpoints,
    vouched: () => vouched,
  };
}

function whyNot({ text, ended }: TrailLine): string {
  if (!ended) return 'the line is cut off';
  if (text === undefined) return 'a line that is too long, or has bytes that are no text';
  return text === '' ? 'an empty line' : 'not a record as it is written';
}
