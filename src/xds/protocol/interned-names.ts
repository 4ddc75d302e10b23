// Equal sets of names are one object: thousands of proxies request the same, and equality is then an identity check. Held weakly.

const known = new Map<string, WeakRef<ReadonlySet<string>>>();
const forget = new FinalizationRegistry((key: string) => {
  // A new one may have taken the key since.
  if (known.get(key)?.deref() === undefined) known.delete(key);
});
/** Larger sets are unlikely to be repeated. */
const mostNames = 1000;

/** Large sets are returned as they are: to compare them would cost more than it saves. */
export function internNames(names: ReadonlySet<string>): ReadonlySet<string> {
  if (names.size > mostNames) return names;
  // Envoys name them in orders of their own.
  const key = [...names].sort().join('\0');
  const there = known.get(key)?.deref();
  if (there !== undefined) return there;
  known.set(key, new WeakRef(names));
  forget.register(names, key);
  return names;
}
