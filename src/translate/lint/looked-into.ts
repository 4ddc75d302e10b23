// What was checked recently, so that the same bytes at the same place are checked once: filters and TLS configurations that are equal in
// many chains and listeners. Only what has no findings is kept.

export interface LookedInto<T> {
  get(key: string): T | undefined;
  keep(key: string, value: T): void;
}

/** How many characters of keys are kept: at least so many, and at most twice as many. */
export function createLookedInto<T>(maxKeys = 4_000_000): LookedInto<T> {
  let [young, old] = [new Map<string, T>(), new Map<string, T>()];
  let size = 0;
  const keep = (key: string, value: T): void => {
    young.set(key, value);
    size += key.length;
    if (size < maxKeys) return;
    [young, old] = [new Map(), young];
    size = 0;
  };
  return {
    get(key) {
      const there = young.get(key);
      if (there !== undefined) return there;
      const earlier = old.get(key);
      if (earlier !== undefined) keep(key, earlier);
      return earlier;
    },
    keep,
  };
}
