// Messages that are the same in every resource: made once, and never changed by anybody. Whoever tries finds them frozen, so that nothing
// of one proxy can get into what another is sent.

/** Of functions without arguments, or with a few texts that are known beforehand. */
export function constant<A extends readonly string[], T extends object>(make: (...of: A) => T): (...of: A) => T {
  return keep(make, Number.POSITIVE_INFINITY);
}

/** Of functions of what documents say, which many say alike: plain data, all of which is read at once. */
export function remembered<A extends readonly Plain[], T extends object>(make: (...of: A) => T): (...of: A) => T {
  return keep(make, 200);
}

/** What JSON tells apart. */
export type Plain = string | number | boolean | undefined | readonly Plain[] | { readonly [key: string]: Plain };

const kept = new WeakSet<object>();

/** Whether it was made here, as a whole: nobody changes it any more, and many have it. */
export function isKept(value: object): boolean {
  return kept.has(value);
}

function keep<A extends readonly Plain[], T extends object>(make: (...of: A) => T, most: number): (...of: A) => T {
  const made = new Map<string, T>();
  return (...of) => {
    const key = of.length === 0 ? '' : JSON.stringify(of);
    const there = made.get(key);
    if (there !== undefined) return there;
    const fresh = frozen(make(...of));
    kept.add(fresh);
    if (made.size >= most) made.clear();
    made.set(key, fresh);
    return fresh;
  };
}

/** With everything in it. Bytes cannot be frozen. */
export function frozen<T extends object>(value: T): T {
  if (ArrayBuffer.isView(value) || Object.isFrozen(value)) return value;
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) frozen(part);
  return Object.freeze(value);
}
