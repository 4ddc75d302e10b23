// Recently computed results, by their inputs. Keeps at most two generations: `forget` drops what was not used since the last call, and so
// does a full generation.

export interface Recent<Key, Value> {
  get(key: Key): Value | undefined;
  set(key: Key, value: Value): void;
  /** Returns how many are left. */
  forget(): number;
}

/** `most`: entries of one generation. */
export function createRecent<Key, Value>(most: number): Recent<Key, Value> {
  let young = new Map<Key, Value>();
  let old = new Map<Key, Value>();
  const forget = (): number => {
    old = young;
    young = new Map();
    return old.size;
  };
  const set = (key: Key, value: Value): void => {
    if (young.size >= most) forget();
    young.set(key, value);
  };
  return {
    get(key) {
      const known = young.get(key);
      if (known !== undefined) return known;
      const before = old.get(key);
      if (before !== undefined) set(key, before);
      return before;
    },
    set,
    forget,
  };
}
