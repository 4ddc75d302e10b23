// What differs between two lists: everything between their common beginning and their common end. A small edit of a long list should cost
// little further on. Pure.

/** Both lists are empty if nothing differs. */
export interface Differing<T> {
  readonly before: readonly T[];
  readonly after: readonly T[];
  /** Where the difference begins, in both. */
  readonly start: number;
}

/** Weak: otherwise the newest list would keep all that there ever were. */
const known = new WeakMap<object, { readonly before: WeakRef<object>; readonly start: number; readonly end: number }>();

/** Items are compared by identity. Nobody changes the lists any more: for the same two, several ask. */
export function differing<T>(before: readonly T[], after: readonly T[]): Differing<T> {
  if (before === after) return { before: [], after: [], start: after.length };
  const there = known.get(after);
  const { start, end } = there?.before.deref() === before ? there : ends(before, after);
  if (there?.before.deref() !== before) known.set(after, { before: new WeakRef(before), start, end });
  return { before: before.slice(start, before.length - end), after: after.slice(start, after.length - end), start };
}

/** How many items are the same at the beginning, and at the end. */
function ends<T>(before: readonly T[], after: readonly T[]): { readonly start: number; readonly end: number } {
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && before[start] === after[start]) start++;
  let end = 0;
  while (end < shorter - start && before[before.length - 1 - end] === after[after.length - 1 - end]) end++;
  return { start, end };
}

/** The list with other items in the place of these: a comparison of the two costs nothing. From now on nobody changes either. */
export function spliced<T>(list: readonly T[], start: number, count: number, items: readonly T[]): readonly T[] {
  const next = list.slice(0, start).concat(items, list.slice(start + count));
  known.set(next, { before: new WeakRef(list), start, end: list.length - start - count });
  return next;
}
