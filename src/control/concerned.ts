// Which proxies a change may concern: those whose configuration was made by reading what changed. For all others the result would be equal.
import { changedPaths } from '../lib/trace.ts';
import type { TranslationInputs } from '../translate/proxy.ts';

/** Places in the inputs that something was made by reading: the same list for all who have that. */
export type Paths = readonly string[];

export interface Concerned {
  /** What the node is sent was made by reading there. */
  set(node: string, paths: Iterable<Paths>): void;
  /** Something was made for it, which holds as long as no change concerns it. */
  has(node: string): boolean;
  /** Every change concerns it until something is made for it again. */
  forget(node: string): void;
  /** The nodes for which something was read that differs between the two. */
  by(before: TranslationInputs, after: TranslationInputs): ReadonlySet<string>;
}

export function createConcerned(): Concerned {
  const nodes = new Map<string, ReadonlySet<Paths>>();
  /** The nodes that have it. */
  const lists = new Map<Paths, Set<string>>();
  const readers = new Map<string, Set<Paths>>();
  const join = (node: string, list: Paths): void => {
    const those = lists.get(list);
    if (those !== undefined) return void those.add(node);
    lists.set(list, new Set([node]));
    for (const path of list) {
      const there = readers.get(path);
      if (there === undefined) readers.set(path, new Set([list]));
      else there.add(list);
    }
  };
  const leave = (node: string, list: Paths): void => {
    const those = lists.get(list);
    those?.delete(node);
    if (those?.size !== 0) return;
    lists.delete(list);
    for (const path of list) {
      const there = readers.get(path);
      there?.delete(list);
      if (there?.size === 0) readers.delete(path);
    }
  };
  return {
    set(node, paths) {
      const own = new Set(paths);
      const before = nodes.get(node);
      nodes.set(node, own);
      for (const list of own) if (before?.has(list) !== true) join(node, list);
      for (const list of before ?? []) if (!own.has(list)) leave(node, list);
    },
    has: (node) => nodes.has(node),
    forget(node) {
      for (const list of nodes.get(node) ?? []) leave(node, list);
      nodes.delete(node);
    },
    by(before, after) {
      const found = new Set<string>();
      for (const path of changedPaths(lookedInto(before), lookedInto(after))) {
        for (const list of readers.get(path) ?? []) for (const node of lists.get(list) ?? []) found.add(node);
      }
      return found;
    },
  };
}

/** Nothing else of them is read. */
function lookedInto({ mesh, endpoints, bundles }: TranslationInputs): TranslationInputs {
  return { mesh, endpoints, bundles };
}
