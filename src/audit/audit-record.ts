// A record of the audit log as a line: it contains the hash of the one before, which anybody can check, and a seal made with a key in the
// data folder, without which nobody can write one. Pure.
import { createHash, createHmac } from 'node:crypto';
import type { Redacted } from '../lib/redacted.ts';
import type { AuditEvent } from './audit-event.ts';

export interface AuditRecord {
  /** Counts up from 1. */
  readonly number: number;
  /** ISO 8601. */
  readonly time: string;
  readonly event: AuditEvent;
  /** SHA-256, hexadecimal, of the previous record's hash and this one's number, time and event. */
  readonly hash: string;
  /** HMAC-SHA-256 of the hash, base64url, under the data folder's sealing key. */
  readonly seal: string;
}

/** Used by the first record in place of a previous one's hash. */
export const noHash = '0'.repeat(64);

export interface Sealer {
  make(previous: string, of: Pick<AuditRecord, 'number' | 'time' | 'event'>): AuditRecord;
  /** Whether `make` made it, after the record with that hash. */
  holds(previous: string, record: AuditRecord): boolean;
}

export function createSealer(key: Redacted<string>): Sealer {
  const sealOf = (hash: string): string =>
    createHmac('sha256', key.reveal()).update(`audit record ${hash}`).digest('base64url');
  return {
    make(previous, { number, time, event }) {
      const hash = hashOf(previous, { number, time, event });
      return { number, time, event, hash, seal: sealOf(hash) };
    },
    holds: (previous, record) => record.hash === hashOf(previous, record) && record.seal === sealOf(record.hash),
  };
}

function hashOf(previous: string, { number, time, event }: Pick<AuditRecord, 'number' | 'time' | 'event'>): string {
  return createHash('sha256')
    .update(previous)
    .update(JSON.stringify([number, time, event]))
    .digest('hex');
}

/** Undefined for a line that is not a record; whether its seal is right is another question. */
export function parseRecord(line: string): AuditRecord | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The seal proves that we wrote it. */
function isRecord(value: unknown): value is AuditRecord {
  return (
    typeof value === 'object' &&
    value !== null &&
    'number' in value &&
    typeof value.number === 'number' &&
    'time' in value &&
    'hash' in value &&
    'event' in value &&
    typeof value.event === 'object' &&
    value.event !== null &&
    'kind' in value.event
  );
}
