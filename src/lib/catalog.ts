// An extension point is a typed constant: name → factory. Adding an implementation is one new file and one line here.
import { CellwallError } from './errors.ts';

/** The entry called `name`, or an error that lists the available names. */
export function fromCatalog<T>(what: string, entries: Readonly<Record<string, T>>, name: string): T {
  const entry = Object.hasOwn(entries, name) ? entries[name] : undefined;
  if (entry === undefined) {
    throw new CellwallError('invalid_argument', `unknown ${what} "${name}"`, {
      hint: `known: ${Object.keys(entries).join(', ')}`,
    });
  }
  return entry;
}
