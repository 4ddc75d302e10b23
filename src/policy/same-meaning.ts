// Whether two parts of the IR mean the same: where they are in a file does not matter. Pure.
import { equal } from '../lib/share.ts';

/** `source` is ignored in a part and in the items of a list of parts, but no deeper: a raw resource may have a field of that name. */
export function sameMeaning(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => saysTheSame(item, b[index]));
  }
  return saysTheSame(a, b);
}

function saysTheSame(a: unknown, b: unknown): boolean {
  return a === b || equal(withoutSource(a), withoutSource(b));
}

function withoutSource(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('source' in value)) return value;
  const { source, ...rest } = value;
  return rest;
}
