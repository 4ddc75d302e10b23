// Which documents differ between two states: changed or new ones first, then those that are gone. Pure.
import type { DocumentKey } from './documents/document.ts';
import type { ParsedDocument } from './parsed-document.ts';

/** Documents are compared by their text. */
export function changedKeys(
  before: readonly ParsedDocument[],
  after: readonly ParsedDocument[],
): readonly DocumentKey[] {
  const old = new Map(before.map(({ key, text }) => [key, text]));
  const changed = after.filter(({ key, text }) => old.get(key) !== text).map(({ key }) => key);
  const present = new Set(after.map(({ key }) => key));
  return [...changed, ...before.map(({ key }) => key).filter((key) => !present.has(key))];
}
