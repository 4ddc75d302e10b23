// Where the map draws what: a lane for each cell, callers left of whom they call. Pure, and the same for the same mesh.
import type { MapAnswer, MapEdge, MapService } from '../../../src/admin/wire-map.ts';
import { levelsOf } from './levels.ts';

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
  readonly x: number;
  readonly y: number;
  readonly width: number;
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
/** Of a small mesh: all lanes have the same columns, and none is higher than that. */
const [mostColumns, mostRows] = [8, 12];

export function layoutOf({ services, edges }: Pick<MapAnswer, 'services' | 'edges'>): Layout {
  const known = new Map(services.map((service) => [service.service, service]));
  const outside = [...new Set(edges.map(({ from }) => from).filter((from) => !known.has(from)))];
  const level = levelsOf([...outside, ...known.keys()], edges);
  const lanes = new Map<string, string[]>();
  const put = (lane: string, id: string): void => {
    const own = lanes.get(lane);
    if (own === undefined) lanes.set(lane, [id]);
    else own.push(id);
  };
  for (const id of outside) put('outside the mesh', id);
  for (const { service, cell, external } of services) {
    put(external === true ? 'other trust domains' : (cell ?? 'in no cell'), service);
  }
  const all = [...lanes].map(([label, ids]) => ({ label, levels: byLevel(ids, level) }));
  const common = commonColumns(all.map(({ levels }) => levels));
  const sized = all.map(({ label, levels }) => sizeOf(label, common?.(levels) ?? ownColumns(levels)));
  const nodes = new Map<string, Node>();
  const placed = shelve(sized);
  for (const { columns, x: left, y: top, rows } of placed) {
    columns.forEach((column, index) => {
      const x = left + pad + index * (nodeSize.width + gap.x);
      // In the middle of the lane: the edges of a short column are shorter then.
      const offset = ((rows - column.length) * (nodeSize.height + gap.y)) / 2;
      column.forEach((id, row) => {
        const service = known.get(id);
        const at = { x, y: top + laneTop + offset + row * (nodeSize.height + gap.y) };
        nodes.set(id, { id, label: service?.name ?? id, ...at, ...(service === undefined ? {} : { service }) });
      });
    });
  }
  const drawn = edges.flatMap((edge): Drawn[] => {
    const [from, to] = [nodes.get(edge.from), nodes.get(edge.to)];
    return from === undefined || to === undefined ? [] : [{ edge, from, to }];
  });
  const most = (of: (lane: Lane) => number): number => placed.reduce((max, lane) => Math.max(max, of(lane)), 0);
  return {
    nodes: [...nodes.values()],
    lanes: placed.map(({ label, x, y, width, height }) => ({ label, x, y, width, height })),
    edges: drawn,
    width: most(({ x, width }) => x + width),
    height: most(({ y, height }) => y + height),
  };
}

type Levels = ReadonlyMap<number, readonly string[]>;

/** The lowest first. */
function byLevel(ids: readonly string[], level: ReadonlyMap<string, number>): Levels {
  const found = new Map<number, string[]>();
  for (const id of [...ids].sort()) {
    const own = level.get(id) ?? 0;
    const others = found.get(own);
    if (others === undefined) found.set(own, [id]);
    else others.push(id);
  }
  return new Map([...found].sort(([a], [b]) => a - b));
}

/** So that calls go from left to right across lanes as well. Undefined: there is no room for it. */
function commonColumns(lanes: readonly Levels[]): ((levels: Levels) => readonly (readonly string[])[]) | undefined {
  const all = [...new Set(lanes.flatMap((levels) => [...levels.keys()]))].sort((a, b) => a - b);
  const fits = lanes.every((levels) => [...levels.values()].every(({ length }) => length <= mostRows));
  if (!fits || all.length > mostColumns) return undefined;
  return (levels) => all.slice(0, all.indexOf(Math.max(...levels.keys())) + 1).map((one) => levels.get(one) ?? []);
}

/** Of one lane by itself, about twice as wide as high; levels that are next to each other share a column if there are too many. */
function ownColumns(levels: Levels): readonly (readonly string[])[] {
  const count = [...levels.values()].reduce((sum, { length }) => sum + length, 0);
  const aspect = (2 * (nodeSize.height + gap.y)) / (nodeSize.width + gap.x);
  const rows = Math.max(mostRows, Math.ceil(Math.sqrt(count / aspect)));
  const most = Math.max(mostColumns / 2, Math.ceil(count / rows));
  const shared: string[][] = [];
  [...levels.values()].forEach((ids, index) => {
    const at = levels.size <= most ? index : Math.floor((index * most) / levels.size);
    shared[at] = [...(shared[at] ?? []), ...ids];
  });
  return shared.flatMap((column) => {
    const parts = Math.ceil(column.length / rows);
    const each = Math.ceil(column.length / parts);
    return Array.from({ length: parts }, (_, index) => column.slice(index * each, (index + 1) * each));
  });
}

function sizeOf(label: string, columns: readonly (readonly string[])[]) {
  const rows = columns.reduce((most, { length }) => Math.max(most, length), 0);
  return {
    ...{ label, columns, rows },
    width: 2 * pad + columns.length * (nodeSize.width + gap.x) - gap.x,
    height: laneTop + rows * (nodeSize.height + gap.y) + pad - gap.y,
  };
}

/** Lanes below each other; many of them also beside each other, so that the whole is about twice as wide as high. */
function shelve<T extends { readonly width: number; readonly height: number }>(
  lanes: readonly T[],
): readonly (T & { readonly x: number; readonly y: number })[] {
  const area = lanes.reduce((sum, { width, height }) => sum + width * height, 0);
  const most = Math.max(Math.sqrt(2 * area), ...lanes.map(({ width }) => width));
  let [x, y, shelf] = [0, 0, 0];
  return lanes.map((lane) => {
    if (x > 0 && x + lane.width > most) [x, y, shelf] = [0, y + shelf + gap.y, 0];
    const at = { ...lane, x, y };
    x += lane.width + gap.y;
    shelf = Math.max(shelf, lane.height);
    return at;
  });
}

/** As much of a name as fits: its beginning, or of a SPIFFE ID its end, as all of them begin alike. */
export function shortened(text: string, fits: (text: string) => boolean): string {
  const letters = [...text];
  if (letters.length <= 60 && fits(text)) return text;
  const isEnd = text.startsWith('spiffe://');
  let short = isEnd ? letters.slice(-60) : letters.slice(0, 60);
  const shown = (): string => (isEnd ? `…${short.join('')}` : `${short.join('')}…`);
  while (short.length > 1 && !fits(shown())) short = isEnd ? short.slice(1) : short.slice(0, -1);
  return shown();
}
