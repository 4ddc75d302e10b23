// A record of the audit log as a line: it contains the hash of the one before, which anybody can check, and a seal made with a key in the
// data folder, without which nobody can write one. Pure.
import { createHash, createHmac } from 'node:crypto';
import type { Redacted } from '../lib/redacted.ts';
import type { AuditEvent } from './audit-event.ts';

export interface AuditRecord {
  /** The form of the line. Absent: an earlier version wrote it, and its hash does not cover its seal. */
  readonly v?: 2;
  /** Counts up from 1. */
  readonly number: number;
  /** ISO 8601. */
  readonly time: string;
  readonly event: AuditEvent;
  /** HMAC-SHA-256, base64url, of the previous record's hash and this one's number, time and event, under the data folder's sealing key. */
  readonly seal: string;
  /** SHA-256, hexadecimal, of the previous record's hash and this one's number, time, event and seal. */
  readonly hash: string;
}

/** Used by the first record in place of a previous one's hash. */
export const noHash = '0'.repeat(64);

export interface Sealer {
  make(previous: string, of: Pick<AuditRecord, 'number' | 'time' | 'event'>): AuditRecord;
  /** Whether `make` made it, after the record with that hash. */
  holds(previous: string, record: AuditRecord): boolean;
}

export function createSealer(key: Redacted<string>): Sealer {
  const hmac = (text: string): string => createHmac('sha256', key.reveal()).update(text).digest('base64url');
  const sealOf = (previous: string, body: string): string => hmac(`audit record 2 ${previous} ${body}`);
  return {
    make(previous, { number, time, event }) {
      const body = bodyOf({ number, time, event });
      const seal = sealOf(previous, body);
      return { v: 2, number, time, event, seal, hash: sha256(previous, body, seal) };
    },
    holds(previous, record) {
      if (!follows(previous, record)) return false;
      return record.seal === (record.v === 2 ? sealOf(previous, bodyOf(record)) : hmac(`audit record ${record.hash}`));
    },
  };
}

/** Whether its hash is right after the record with that hash: no key is needed to see it, nor to make it so. */
export function follows(previous: string, record: AuditRecord): boolean {
  const body = bodyOf(record);
  return record.hash === (record.v === 2 ? sha256(previous, body, record.seal) : sha256(previous, body));
}

function bodyOf({ number, time, event }: Pick<AuditRecord, 'number' | 'time' | 'event'>): string {
  return JSON.stringify([number, time, event]);
}

function sha256(...texts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(text);
  return hash.digest('hex');
}

/**
 * Undefined for a line that is not a record, byte for byte as it would be written; whether its hash and seal are right, and whether its
 * event is one that this version knows, are other questions.
 */
export function parseRecord(line: string): AuditRecord | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) && JSON.stringify(value) === line ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Nothing else may stand in a line: a hash would not cover it. */
const forms: ReadonlySet<string> = new Set(['v,number,time,event,seal,hash', 'number,time,event,hash,seal']);

const beginnings = ['{"v":2,"number":', '{"number":'] as const;

/** Whether a record may have begun so. A disk that lost its power may leave zeros. */
export function beginsRecord(text: string): boolean {
  return (
    /^\0+$/.test(text) ||
    beginnings.some((one) => (text.length < one.length ? one.startsWith(text) : text.startsWith(one)))
  );
}

function isRecord(value: unknown): value is AuditRecord {
  if (typeof value !== 'object' || value === null || !forms.has(Object.keys(value).join())) return false;
  const { v, number, time, event, seal, hash }: Readonly<Record<string, unknown>> = { ...value };
  if ('v' in value && v !== 2) return false;
  if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 1) return false;
  if (typeof time !== 'string' || typeof seal !== 'string' || typeof hash !== 'string') return false;
  return typeof event === 'object' && event !== null && 'kind' in event && typeof event.kind === 'string';
}
