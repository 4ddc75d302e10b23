// Two versions of readonly data: what is equal in both becomes the same object, so that whoever looks for changes need not compare
// contents. Pure.
import { inStep, sameKeys, withValues } from './in-step.ts';

/** `after`, with every part that is equal in `before` replaced by that of `before`: all of it, if both are equal. */
export function share<T>(before: unknown, after: T): T {
  return shared(before, after) as T;
}

/** Whether both contain the same, with maps and sets in the same order. */
export function equal(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (!isObject(a) || !isObject(b)) return false;
  if (a instanceof Map && b instanceof Map) return a.size === b.size && sameItems([...a], [...b]);
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  if (Array.isArray(a) && Array.isArray(b)) return sameItems(a, b);
  if (a instanceof Set && b instanceof Set) return a.size === b.size && sameItems([...a], [...b]);
  if (!isPlain(a) || !isPlain(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && equal(Reflect.get(a, key), Reflect.get(b, key)))
  );
}

function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, index) => equal(item, b[index]));
}

function shared(before: unknown, after: unknown): unknown {
  if (Object.is(before, after)) return before;
  if (!isObject(before) || !isObject(after)) return after;
  if (Array.isArray(before) && Array.isArray(after)) {
    const items = after.map((item, index) => shared(before[index], item));
    return items.length === before.length && areItems(items, before) ? before : areItems(items, after) ? after : items;
  }
  if (before instanceof Map && after instanceof Map) return sharedMap(before, after);
  if (after instanceof Set) return equal(before, after) ? before : after;
  if (!isPlain(before) || !isPlain(after)) return after;
  const entries = Object.entries(after).map(([key, value]) => [key, shared(Reflect.get(before, key), value)] as const);
  const same =
    entries.length === Object.keys(before).length &&
    entries.every(([key, value]) => Object.hasOwn(before, key) && Object.is(value, Reflect.get(before, key)));
  // Nothing in it is replaced: whoever made it may have noted of what.
  const isAfter = entries.every(([key, value]) => Object.is(value, Reflect.get(after, key)));
  return same ? before : isAfter ? after : Object.fromEntries(entries);
}

function areItems(items: readonly unknown[], those: readonly unknown[]): boolean {
  return items.every((item, index) => Object.is(item, those[index]));
}

/** The same as `before` only with the same keys in the same order. Large maps, of which little differs, are not copied without need. */
function sharedMap(
  before: ReadonlyMap<unknown, unknown>,
  after: ReadonlyMap<unknown, unknown>,
): ReadonlyMap<unknown, unknown> {
  let same = before.size === after.size;
  const others: [unknown, unknown][] = [];
  for (const { key, one: old, other: value } of inStep(before, after)) {
    const next = shared(old, value);
    if (!Object.is(next, value)) others.push([key, next]);
    if (!Object.is(next, old)) same = false;
  }
  return same && sameKeys(before, after) ? before : withValues(after, others);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function isPlain(value: object): boolean {
  return Object.getPrototypeOf(value) === Object.prototype;
}
