// Proof that this control plane wrote something: an HMAC with a key that is kept with its CA, not with the text.
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { Redacted } from './redacted.ts';
import type { Json } from './table.ts';

export interface Seal {
  /** `content` must include everything that must not be exchanged, including its purpose. */
  of(content: readonly Json[]): string;
  holds(seal: unknown, content: readonly Json[]): boolean;
}

/** HMAC-SHA-256 over the JSON; compared in constant time. */
export function createSeal(key: Redacted<string>): Seal {
  const digest = (content: readonly Json[]): Buffer =>
    createHmac('sha256', key.reveal()).update(JSON.stringify(content)).digest();
  return {
    of: (content) => digest(content).toString('base64url'),
    holds(seal, content) {
      const given = Buffer.from(typeof seal === 'string' ? seal.slice(0, 64) : '', 'base64url');
      const expected = digest(content);
      return given.length === expected.length && timingSafeEqual(given, expected);
    },
  };
}

/** A key for one purpose only, from a secret that has several (HKDF-SHA-256, RFC 5869). Whoever has the same secret derives the same. */
export function deriveKey(secret: Redacted<string>, purpose: string): Redacted<string> {
  return new Redacted(Buffer.from(hkdfSync('sha256', secret.reveal(), '', purpose, 32)).toString('base64url'));
}
