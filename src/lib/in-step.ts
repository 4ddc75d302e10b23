// Two maps that are nearly the same: side by side, without looking up each key as long as both have the same keys in the same order; and if
// one is known to have been made of the other, only what differs is looked at. Pure.

export interface Pair<K, V> {
  readonly key: K;
  /** In the first map. */
  readonly one: V | undefined;
  readonly other: V;
}

/** For each key of the second map whose value is not the same object in the first, or that is not there. */
export function* inStep<K, V>(before: ReadonlyMap<K, V>, after: ReadonlyMap<K, V>): Generator<Pair<K, V>> {
  const others = keysBetween(before, after);
  if (others !== undefined) {
    for (const key of others) {
      const [one, other] = [before.get(key), after.get(key)];
      if (other !== undefined && !Object.is(one, other)) yield { key, one, other };
    }
    return;
  }
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
  if (a === b || keysBetween(a, b) !== undefined) return true;
  const others = b.keys();
  for (const key of a.keys()) if (others.next().value !== key) return false;
  return true;
}

/** Other values for some keys of a map, which stays as it is. */
class LayeredMap<K, V> extends Map<K, V> {
  readonly #below: ReadonlyMap<K, V>;
  readonly #over: ReadonlyMap<K, Exclude<V, undefined>>;

  constructor(below: ReadonlyMap<K, V>, over: ReadonlyMap<K, Exclude<V, undefined>>) {
    super();
    this.#below = below;
    this.#over = over;
  }

  over(values: ReadonlyMap<K, Exclude<V, undefined>>): LayeredMap<K, V> {
    return new LayeredMap(this.#below, new Map([...this.#over, ...values]));
  }

  get layered(): number {
    return this.#over.size;
  }

  override get size(): number {
    return this.#below.size;
  }

  override get(key: K): V | undefined {
    const over = this.#over.get(key);
    return over === undefined ? this.#below.get(key) : over;
  }

  override has(key: K): boolean {
    return this.#below.has(key);
  }

  override keys(): MapIterator<K> {
    return this.#below.keys();
  }

  override *values(): MapIterator<V> {
    for (const [, value] of this.entries()) yield value;
  }

  override *entries(): MapIterator<[K, V]> {
    for (const [key, below] of this.#below) {
      const over = this.#over.get(key);
      yield [key, over === undefined ? below : over];
    }
  }

  override [Symbol.iterator](): MapIterator<[K, V]> {
    return this.entries();
  }

  override forEach(each: (value: V, key: K, map: Map<K, V>) => void): void {
    for (const [key, value] of this.entries()) each(value, key, this);
  }

  override set(): never {
    throw new TypeError('this map is not changed any more');
  }

  override delete(): never {
    throw new TypeError('this map is not changed any more');
  }

  override clear(): never {
    throw new TypeError('this map is not changed any more');
  }
}

/** Of which map it was made, with other values for these of its keys. */
interface Origin {
  /** Weak: otherwise the newest would keep all that there ever were. */
  readonly of: WeakRef<object>;
  readonly keys: readonly unknown[];
}

const origins = new WeakMap<object, Origin>();
/** Who compares with an older one looks at everything. */
const maxSteps = 4;

/** So many values lie over those of the map below; with more, all are copied. */
const maxOver = 32;

/**
 * The same map with these values, without a copy. If all of their keys are there already, a comparison of the two costs only these keys.
 * From now on nobody changes the map.
 */
export function withValues<K, V>(
  map: ReadonlyMap<K, V>,
  values: Iterable<readonly [K, Exclude<V, undefined>]>,
): ReadonlyMap<K, V> {
  const over = new Map<K, Exclude<V, undefined>>(values);
  if (over.size === 0) return map;
  const keys = [...over.keys()];
  if (!keys.every((key) => map.has(key))) return new Map([...map, ...over]);
  const next = map instanceof LayeredMap ? map.over(over) : new LayeredMap(map, over);
  const made = next.layered > maxOver ? new Map(next) : next;
  origins.set(made, { of: new WeakRef(map), keys });
  return made;
}

/** The only keys whose values may differ, if one was made of the other; undefined if that is not known. */
function keysBetween<K, V>(one: ReadonlyMap<K, V>, other: ReadonlyMap<K, V>): ReadonlySet<K> | undefined {
  return keysSince(one, other) ?? keysSince(other, one);
}

function keysSince<K, V>(before: ReadonlyMap<K, V>, after: ReadonlyMap<K, V>): ReadonlySet<K> | undefined {
  const found = new Set<K>();
  let now: object | undefined = after;
  for (let step = 0; step < maxSteps && now !== undefined; step++) {
    const origin = origins.get(now);
    if (origin === undefined) return undefined;
    // Of maps of these types, by whoever made them.
    for (const key of origin.keys) found.add(key as K);
    now = origin.of.deref();
    if (now === before) return found;
  }
  return undefined;
}
