// How deep in the mesh each service is: callers come before whom they call. Pure.
import type { MapEdge } from '../../../src/admin/wire-map.ts';

/** How many calls lead to each at most, around cycles counted once. */
export function levelsOf(ids: readonly string[], edges: readonly MapEdge[]): ReadonlyMap<string, number> {
  const callees = new Map<string, string[]>();
  for (const { from, to } of edges) callees.set(from, [...(callees.get(from) ?? []), to]);
  const level = new Map<string, number>(ids.map((id) => [id, 0]));
  const order: string[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const back = new Set<string>();
  // Depth first without recursion: chains may be as long as there are services.
  for (const start of ids) {
    const stack: { readonly id: string; next: number }[] = state.has(start) ? [] : [{ id: start, next: 0 }];
    if (stack.length > 0) state.set(start, 'open');
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const to = callees.get(top.id)?.[top.next++];
      if (to === undefined) {
        state.set(top.id, 'done');
        order.push(top.id);
        stack.pop();
      } else if (state.get(to) === 'open') {
        back.add(`${top.id}\n${to}`);
      } else if (!state.has(to)) {
        state.set(to, 'open');
        stack.push({ id: to, next: 0 });
      }
    }
  }
  for (const id of order.reverse()) {
    for (const to of callees.get(id) ?? []) {
      if (back.has(`${id}\n${to}`)) continue;
      level.set(to, Math.max(level.get(to) ?? 0, (level.get(id) ?? 0) + 1));
    }
  }
  return level;
}
