// Where the map draws what: a lane for each cell, callers left of whom they call. Pure, and the same for the same mesh.
import type { MapAnswer, MapEdge, MapService } from '../../../src/admin/wire-map.ts';

export interface Node {
  readonly id: string;
  readonly label: string;
  readonly x: number;
  readonly y: number;
  /** Absent: a caller that is no service. */
  readonly service?: MapService;
}

export interface Lane {
  readonly label: string;
  readonly y: number;
  readonly height: number;
}

export interface Drawn {
  readonly edge: MapEdge;
  readonly from: Node;
  readonly to: Node;
}

export interface Layout {
  readonly nodes: readonly Node[];
  readonly lanes: readonly Lane[];
  readonly edges: readonly Drawn[];
  readonly width: number;
  readonly height: number;
}

export const nodeSize = { width: 168, height: 34 };
const gap = { x: 92, y: 16 };
const laneTop = 30;
const pad = 20;
/** A lane is not higher than so many nodes: a column that would be goes on beside. */
const maxStack = 12;

export function layoutOf({ services, edges }: Pick<MapAnswer, 'services' | 'edges'>): Layout {
  const known = new Map(services.map((service) => [service.service, service]));
  const outside = [...new Set(edges.map(({ from }) => from).filter((from) => !known.has(from)))];
  const level = levelsOf([...outside, ...known.keys()], edges);
  const lanes = new Map<string, string[]>();
  if (outside.length > 0) lanes.set('outside the mesh', outside);
  for (const { service, cell, external } of services) {
    const lane = external === true ? 'other trust domains' : cell === undefined ? 'in no cell' : cell;
    lanes.set(lane, [...(lanes.get(lane) ?? []), service]);
  }
  const nodes = new Map<string, Node>();
  const placed: Lane[] = [];
  let y = 0;
  let width = 0;
  for (const [label, ids] of lanes) {
    const columns = columnsOf(ids, level);
    const rows = Math.max(...columns.map((column) => column.length));
    const height = laneTop + rows * (nodeSize.height + gap.y) + pad - gap.y;
    columns.forEach((column, index) => {
      const x = pad + index * (nodeSize.width + gap.x);
      // In the middle of the lane: the edges of a short column are shorter then.
      const offset = ((rows - column.length) * (nodeSize.height + gap.y)) / 2;
      column.forEach((id, row) => {
        const service = known.get(id);
        const at = { x, y: y + laneTop + offset + row * (nodeSize.height + gap.y) };
        nodes.set(id, { id, label: service?.name ?? id, ...at, ...(service === undefined ? {} : { service }) });
      });
      width = Math.max(width, x + nodeSize.width + pad);
    });
    placed.push({ label, y, height });
    y += height + gap.y;
  }
  const drawn = edges.flatMap((edge): Drawn[] => {
    const [from, to] = [nodes.get(edge.from), nodes.get(edge.to)];
    return from === undefined || to === undefined ? [] : [{ edge, from, to }];
  });
  return { nodes: [...nodes.values()], lanes: placed, edges: drawn, width, height: Math.max(0, y - gap.y) };
}

/** How many calls lead to each at most, around cycles counted once. */
function levelsOf(ids: readonly string[], edges: readonly MapEdge[]): ReadonlyMap<string, number> {
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

/** Of one lane, from left to right. Empty levels take no room. */
function columnsOf(ids: readonly string[], level: ReadonlyMap<string, number>): readonly string[][] {
  const byLevel = new Map<number, string[]>();
  for (const id of [...ids].sort()) {
    const own = level.get(id) ?? 0;
    byLevel.set(own, [...(byLevel.get(own) ?? []), id]);
  }
  return [...byLevel]
    .sort(([a], [b]) => a - b)
    .flatMap(([, column]) => {
      const count = Math.ceil(column.length / maxStack);
      const each = Math.ceil(column.length / count);
      return Array.from({ length: count }, (_, index) => column.slice(index * each, (index + 1) * each));
    });
}
