// A map of which it is known who read what: when it is replaced, those are told whose answers are others now. Whoever looks up a name that
// is not there has read that, too; who lists it has read all of it.

export interface TrackedMap<K, V> {
  now(): ReadonlyMap<K, V>;
  /** Values are compared by identity. */
  replace(next: ReadonlyMap<K, V>): void;
  /** As `reader` sees it. */
  seenBy(reader: Reader): ReadonlyMap<K, V>;
}

/** Reads again when it is told, and is then another reader. */
export interface Reader {
  /** Something that it read is not what it was. Told once or more. */
  readonly changed: () => void;
  /** Where it is forgotten when nobody has it any more. */
  readonly subscriptions: Set<Set<Reader>>;
}

export function createReader(changed: () => void): Reader {
  return { changed, subscriptions: new Set() };
}

/** It is told nothing more. */
export function forgetReader(reader: Reader): void {
  for (const readers of reader.subscriptions) readers.delete(reader);
  reader.subscriptions.clear();
}

export function createTrackedMap<K, V>(): TrackedMap<K, V> {
  let map: ReadonlyMap<K, V> = new Map();
  const byKey = new Map<K, Set<Reader>>();
  const ofAll = new Set<Reader>();
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
      let same = before.size === next.size;
      const others = before.keys();
      for (const [key, value] of next) {
        if (same && others.next().value !== key) same = false;
        if (before.get(key) === value && before.has(key)) continue;
        same = false;
        tell(byKey.get(key) ?? []);
      }
      for (const key of same ? [] : before.keys()) if (!next.has(key)) tell(byKey.get(key) ?? []);
      if (!same) tell(ofAll);
      for (const [key, readers] of same ? [] : byKey) if (readers.size === 0) byKey.delete(key);
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
