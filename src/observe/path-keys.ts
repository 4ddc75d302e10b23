// Recorded paths as parts of keys. The list of rules that a shape was judged by is the same for all calls of a service until its rules
// change: it is stored once, and referred to by number.
import type { RecordedPath } from '../policy/replay/recorded-path.ts';

export interface PathKeys {
  of(path: RecordedPath | undefined): string;
  /** The path with the shared list, as a part of an object. */
  shared(path: RecordedPath | undefined): { readonly path?: RecordedPath };
}

/** Keys are the same only within one instance: they are not for storing. */
export function createPathKeys(): PathKeys {
  const lists = new Map<string, { readonly id: number; readonly among: readonly string[] }>();
  const numbers = new WeakMap<readonly string[], number>();
  const intern = (among: readonly string[]): { readonly id: number; readonly among: readonly string[] } => {
    const text = JSON.stringify(among);
    const known = lists.get(text) ?? { id: lists.size, among };
    lists.set(text, known);
    numbers.set(among, known.id);
    return known;
  };
  return {
    of(path) {
      if (path === undefined) return '';
      if (path.kind === 'exact') return path.path;
      if (path.kind === 'odd') return '?';
      const id = numbers.get(path.among) ?? intern(path.among).id;
      return `${id} ${path.matched.join(' ')}`;
    },
    shared(path) {
      if (path === undefined) return {};
      if (path.kind !== 'shape') return { path };
      const text = JSON.stringify(path.among);
      return { path: { ...path, among: lists.get(text)?.among ?? path.among } };
    },
  };
}
