// The audit log: one JSON object a line, each with the hash of the one before, so that nothing can be changed or taken out of the
// middle without being seen. A file of its owner's, only ever appended to.
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { AuditEvent } from './audit-event.ts';

export interface AuditRecord {
  /** Counts up from 1. */
  readonly number: number;
  /** ISO 8601. */
  readonly time: string;
  readonly event: AuditEvent;
  /** SHA-256, hexadecimal, of the previous record's hash and this one's number, time and event. */
  readonly hash: string;
}

export interface AuditRead {
  readonly records: readonly AuditRecord[];
  /** The line at which the chain breaks, or at which it ends too soon; absent if it holds. */
  readonly brokenAt?: number;
}

export interface AuditLog {
  /** On disk when it returns; throws `unavailable` if it cannot be. */
  append(event: AuditEvent): AuditRecord;
  /** All of it, checked. */
  read(): AuditRead;
}

export interface AuditLogOptions {
  readonly file: string;
  readonly clock: Clock;
  readonly log: Log;
}

const start = '0'.repeat(64);

export function openAuditLog({ file, clock, log }: AuditLogOptions): AuditLog {
  repairTail(file, log);
  const found = readAll(file);
  if (found.brokenAt !== undefined) {
    log.error({ file, line: found.brokenAt }, 'the audit log was changed: its chain is broken');
  }
  let { number = 0, hash = start }: Partial<AuditRecord> = found.records.at(-1) ?? {};
  return {
    append(event) {
      const time = new Date(clock.now()).toISOString();
      const record: AuditRecord = {
        number: number + 1,
        time,
        event,
        hash: hashOf(hash, { number: number + 1, time, event }),
      };
      writeLine(file, `${JSON.stringify(record)}\n`);
      ({ number, hash } = record);
      return record;
    },
    read() {
      const { records, brokenAt } = readAll(file);
      // A chain that was made anew, or that lost its end, holds by itself; but it is not the one that was written here.
      const whole = records.length === 0 ? number === 0 : records.at(-1)?.hash === hash;
      const broken = brokenAt ?? (whole ? undefined : records.length + 1);
      return { records, ...(broken === undefined ? {} : { brokenAt: broken }) };
    },
  };
}

/** A crash in the middle of a write leaves half a line: it was never answered, and goes. */
function repairTail(file: string, log: Log): void {
  if (!existsSync(file)) return;
  const text = readFileSync(file);
  const end = text.lastIndexOf(0x0a) + 1;
  if (end === text.length) return;
  log.warn({ file, bytes: text.length - end }, 'half a line at the end of the audit log is removed');
  truncateSync(file, end);
}

function readAll(file: string): AuditRead {
  if (!existsSync(file)) return { records: [] };
  const records: AuditRecord[] = [];
  let previous = start;
  let brokenAt: number | undefined;
  for (const [index, line] of readFileSync(file, 'utf8').split('\n').entries()) {
    if (line === '') continue;
    const record = parse(line);
    const whole = record !== undefined && record.hash === hashOf(previous, record);
    if (!whole || record.number !== index + 1) brokenAt ??= index + 1;
    if (record === undefined) continue;
    records.push(record);
    previous = record.hash;
  }
  return { records, ...(brokenAt === undefined ? {} : { brokenAt }) };
}

function hashOf(previous: string, { number, time, event }: Omit<AuditRecord, 'hash'>): string {
  return createHash('sha256')
    .update(previous)
    .update(JSON.stringify([number, time, event]))
    .digest('hex');
}

function parse(line: string): AuditRecord | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** That nobody but us wrote it is what the hash is for. */
function isRecord(value: unknown): value is AuditRecord {
  return (
    typeof value === 'object' &&
    value !== null &&
    'number' in value &&
    'time' in value &&
    'hash' in value &&
    'event' in value &&
    typeof value.event === 'object' &&
    value.event !== null &&
    'kind' in value.event
  );
}

function writeLine(file: string, line: string): void {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, 'a', 0o600);
    const { size } = fstatSync(descriptor);
    try {
      writeSync(descriptor, line);
      fsyncSync(descriptor);
    } catch (cause) {
      // A full disk may have taken half of it.
      ftruncateSync(descriptor, size);
      throw cause;
    }
  } catch (cause) {
    throw new CellwallError('unavailable', `cannot write the audit log: ${CellwallError.from(cause).message}`, {
      hint: `is the disk full, or ${file} not writable?`,
      cause,
    });
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}
