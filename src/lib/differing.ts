// What differs between two lists: what stands between the beginning and the end that they have in common, by identity. An edit of a long
// list is small, and whatever follows from it should be. Pure.

export interface Differing<T> {
  readonly before: readonly T[];
  readonly after: readonly T[];
  /** Where it begins, in both. */
  readonly start: number;
}

export function differing<T>(before: readonly T[], after: readonly T[]): Differing<T> {
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && before[start] === after[start]) start++;
  let end = 0;
  while (end < shorter - start && before[before.length - 1 - end] === after[after.length - 1 - end]) end++;
  return { before: before.slice(start, before.length - end), after: after.slice(start, after.length - end), start };
}
