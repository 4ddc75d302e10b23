// A map that knows who read what: when it is replaced, those are told whose answers have changed. Looking up a name that does not exist is
// a read as well; listing the map reads all of it.
import { inStep, sameKeys } from './in-step.ts';

export interface TrackedMap<K, V> {
  now(): ReadonlyMap<K, V>;
  /** Values are compared by identity. */
  replace(next: ReadonlyMap<K, V>): void;
  /** As `reader` sees it. */
  seenBy(reader: Reader): ReadonlyMap<K, V>;
}

/** Somebody who reads again, as a new reader, once this one is told of a change. */
export interface Reader {
  /** Something that it read has changed. Called once or more. */
  readonly changed: () => void;
  /** From where it is removed when it is no longer needed. */
  readonly subscriptions: Set<Set<Reader>>;
}

/** `changed` is called when something that the reader read is replaced by something else. */
export function createReader(changed: () => void): Reader {
  return { changed, subscriptions: new Set() };
}

/** From now on it is told nothing. */
export function forgetReader(reader: Reader): void {
  for (const readers of reader.subscriptions) readers.delete(reader);
  reader.subscriptions.clear();
}

export function createTrackedMap<K, V>(): TrackedMap<K, V> {
  let map: ReadonlyMap<K, V> = new Map();
  const byKey = new Map<K, Set<Reader>>();
  const ofAll = new Set<Reader>();
  /** How many keys were left when those that nobody reads any more were last forgotten. */
  let kept = 0;
  const tell = (readers: Iterable<Reader>): void => {
    for (const { changed } of readers) changed();
  };
  const note = (reader: Reader, readers: Set<Reader>): void => {
    readers.add(reader);
    reader.subscriptions.add(readers);
  };
  const noteKey = (reader: Reader, key: K): void => {
    const readers = byKey.get(key) ?? new Set();
    byKey.set(key, readers);
    note(reader, readers);
  };
  return {
    now: () => map,
    replace(next) {
      if (next === map) return;
      const before = map;
      map = next;
      const sameNames = sameKeys(before, next);
      let same = sameNames;
      for (const { key } of inStep(before, next)) {
        same = false;
        tell(byKey.get(key) ?? []);
      }
      for (const key of sameNames ? [] : before.keys()) if (!next.has(key)) tell(byKey.get(key) ?? []);
      if (!same) tell(ofAll);
      if (byKey.size < 2 * kept + 16) return;
      for (const [key, readers] of byKey) if (readers.size === 0) byKey.delete(key);
      kept = byKey.size;
    },
    seenBy: (reader) =>
      view(
        () => map,
        (key) => noteKey(reader, key),
        () => note(reader, ofAll),
      ),
  };
}

function view<K, V>(now: () => ReadonlyMap<K, V>, noteKey: (key: K) => void, noteAll: () => void): ReadonlyMap<K, V> {
  const all = (): ReadonlyMap<K, V> => {
    noteAll();
    return now();
  };
  return {
    get size() {
      return all().size;
    },
    get(key) {
      noteKey(key);
      return now().get(key);
    },
    has(key) {
      noteKey(key);
      return now().has(key);
    },
    keys: () => all().keys(),
    values: () => all().values(),
    entries: () => all().entries(),
    forEach: (each) => all().forEach(each),
    [Symbol.iterator]: () => all()[Symbol.iterator](),
  };
}
