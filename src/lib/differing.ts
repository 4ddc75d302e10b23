// What differs between two lists: everything between their common beginning and their common end. A small edit of a long list should cost
// little further on. Pure.

/** Both lists are empty if nothing differs. */
export interface Differing<T> {
  readonly before: readonly T[];
  readonly after: readonly T[];
  /** Where the difference begins, in both. */
  readonly start: number;
}

/** Items are compared by identity. */
export function differing<T>(before: readonly T[], after: readonly T[]): Differing<T> {
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && before[start] === after[start]) start++;
  let end = 0;
  while (end < shorter - start && before[before.length - 1 - end] === after[after.length - 1 - end]) end++;
  return { before: before.slice(start, before.length - end), after: after.slice(start, after.length - end), start };
}
