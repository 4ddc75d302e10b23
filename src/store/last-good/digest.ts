// Digests of texts by their names: to tell whether two states are the same, and whether one is what was written. Pure.
import { createHash } from 'node:crypto';

/** Whatever their order. */
export function digestOf(texts: ReadonlyMap<string, string>): string {
  const hash = createHash('sha256');
  for (const name of [...texts.keys()].sort()) hash.update(textDigest(name, texts.get(name) ?? ''));
  return hash.digest('hex');
}

/** 128 bits: it tells damage, not malice. */
export function textDigest(name: string, text: string): string {
  return createHash('sha256').update(`${name.length}:${name}`).update(text).digest('hex').slice(0, 32);
}
