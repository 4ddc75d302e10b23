// Proof that this control plane wrote something: an HMAC under a key that is kept where its CA is, and not where the text is.
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Redacted } from './redacted.ts';
import type { Json } from './table.ts';

export interface Seal {
  /** `content` says all that must not be exchanged, what it is for among it. */
  of(content: readonly Json[]): string;
  holds(seal: unknown, content: readonly Json[]): boolean;
}

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
