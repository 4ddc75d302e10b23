// Two maps that are nearly the same: side by side, without looking up each key as long as both have the same keys in the same order. Pure.

export interface Pair<K, V> {
  readonly key: K;
  /** In the first map. */
  readonly one: V | undefined;
  readonly other: V;
}

/** For each key of the second map whose value is not the same object in the first, or that is not there. */
export function* inStep<K, V>(before: ReadonlyMap<K, V>, after: ReadonlyMap<K, V>): Generator<Pair<K, V>> {
  const keys = before.keys();
  const values = before.values();
  let aligned = true;
  for (const [key, other] of after) {
    if (aligned) {
      const next = keys.next();
      const one = values.next().value;
      if (next.done !== true && next.value === key) {
        if (!Object.is(one, other)) yield { key, one, other };
        continue;
      }
      aligned = false;
    }
    const one = before.get(key);
    if (!Object.is(one, other) || !before.has(key)) yield { key, one, other };
  }
}

/** In the same order. */
export function sameKeys(a: ReadonlyMap<unknown, unknown>, b: ReadonlyMap<unknown, unknown>): boolean {
  if (a.size !== b.size) return false;
  const others = b.keys();
  for (const key of a.keys()) if (others.next().value !== key) return false;
  return true;
}
