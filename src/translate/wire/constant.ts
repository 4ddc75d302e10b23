// Messages that are the same in every resource: made once, and never changed by anybody. Whoever tries finds them frozen, so that nothing
// of one proxy can get into what another is sent.

/** Of functions without arguments, or with a few texts that are known beforehand. */
export function constant<A extends readonly string[], T extends object>(make: (...of: A) => T): (...of: A) => T {
  const made = new Map<string, T>();
  return (...of) => {
    const key = of.join('\0');
    const there = made.get(key) ?? frozen(make(...of));
    made.set(key, there);
    return there;
  };
}

/** With everything in it. Bytes cannot be frozen. */
export function frozen<T extends object>(value: T): T {
  if (ArrayBuffer.isView(value) || Object.isFrozen(value)) return value;
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) frozen(part);
  return Object.freeze(value);
}
