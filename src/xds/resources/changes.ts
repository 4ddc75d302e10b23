// Which names differ between two maps of resources. Streams that share their maps share the result.
import type { ResourceMap } from '../protocol/subscription.ts';

const memo = new WeakMap<ResourceMap, WeakMap<ResourceMap, readonly string[]>>();
/** Smaller maps are compared faster than looked up, such as a proxy's own secrets. */
const worthKeeping = 8;

/** Names whose resource was added, removed or replaced by another version. */
export function changes(from: ResourceMap, to: ResourceMap): readonly string[] {
  if (from === to) return [];
  if (from.size + to.size < worthKeeping) return compare(from, to);
  const known = memo.get(from) ?? new WeakMap<ResourceMap, readonly string[]>();
  const there = known.get(to);
  if (there !== undefined) return there;
  const names = compare(from, to);
  memo.set(from, known.set(to, names));
  return names;
}

function compare(from: ResourceMap, to: ResourceMap): readonly string[] {
  const names: string[] = [];
  for (const [name, resource] of to) {
    const before = from.get(name);
    if (before !== resource && before?.version !== resource.version) names.push(name);
  }
  for (const name of from.keys()) if (!to.has(name)) names.push(name);
  return names;
}
