// Which names differ between two maps of resources. Streams that share their maps share the answer.
import type { ResourceMap } from '../protocol/subscription.ts';

const memo = new WeakMap<ResourceMap, WeakMap<ResourceMap, readonly string[]>>();

/** Names whose resource was added, removed or replaced by another version. */
export function changes(from: ResourceMap, to: ResourceMap): readonly string[] {
  if (from === to) return [];
  const known = memo.get(from) ?? new WeakMap<ResourceMap, readonly string[]>();
  const there = known.get(to);
  if (there !== undefined) return there;
  const names: string[] = [];
  for (const [name, resource] of to) {
    const before = from.get(name);
    if (before !== resource && before?.version !== resource.version) names.push(name);
  }
  for (const name of from.keys()) if (!to.has(name)) names.push(name);
  memo.set(from, known.set(to, names));
  return names;
}
