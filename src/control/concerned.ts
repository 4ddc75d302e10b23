// Which proxies a change may concern: those whose configuration was made by reading what changed. For all others the result would be equal.
import { changedPaths } from '../lib/trace.ts';
import type { TranslationInputs } from '../translate/proxy.ts';

export interface Concerned {
  /** What the node is sent was made by reading there. */
  set(node: string, paths: Iterable<string>): void;
  /** Something was made for it, which holds as long as no change concerns it. */
  has(node: string): boolean;
  /** Every change concerns it until something is made for it again. */
  forget(node: string): void;
  /** The nodes for which something was read that differs between the two. */
  by(before: TranslationInputs, after: TranslationInputs): ReadonlySet<string>;
}

export function createConcerned(): Concerned {
  const nodes = new Map<string, ReadonlySet<string>>();
  const readers = new Map<string, Set<string>>();
  const forget = (node: string): void => {
    for (const path of nodes.get(node) ?? []) {
      const own = readers.get(path);
      own?.delete(node);
      if (own?.size === 0) readers.delete(path);
    }
    nodes.delete(node);
  };
  return {
    set(node, paths) {
      forget(node);
      const own = new Set(paths);
      nodes.set(node, own);
      for (const path of own) {
        const those = readers.get(path);
        if (those === undefined) readers.set(path, new Set([node]));
        else those.add(node);
      }
    },
    has: (node) => nodes.has(node),
    forget,
    by(before, after) {
      const found = new Set<string>();
      for (const path of changedPaths(lookedInto(before), lookedInto(after)))
        for (const node of readers.get(path) ?? []) found.add(node);
      return found;
    },
  };
}

/** Nothing else of them is read. */
function lookedInto({ mesh, endpoints, bundles }: TranslationInputs): TranslationInputs {
  return { mesh, endpoints, bundles };
}
