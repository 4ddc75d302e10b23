// The name of a change that waits: short enough to type, and bound to every byte of what was looked at.
import { createHash } from 'node:crypto';
import type { Json } from '../lib/table.ts';

/** 48 bits. Where others choose the bytes, `digest` must be keyed: by default it is plain SHA-256. */
export function revOf(content: readonly Json[], digest: (text: string) => Buffer = sha256): string {
  return digest(JSON.stringify(content)).toString('hex').slice(0, 12);
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
