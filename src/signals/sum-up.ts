// Adds up the rows of a service from a moment on, each call once: the periods of one level, and of finer ones what is not in those yet.
// Pure.
import { above, beginOf, endOf, type Level, levels } from './period.ts';
import { type KeptRow, type Row, readRow } from './row.ts';
import { mergeSignals, noSignals, type Signals } from './signals.ts';

export interface Summed {
  /** By `edgeKey`. */
  readonly edges: ReadonlyMap<string, Signals>;
  /** The same by begin of each period. */
  readonly periods: ReadonlyMap<number, ReadonlyMap<string, Signals>>;
}

/** `parts`: of each replica its own rows. `series`: with the periods, one by one. A step for each row. */
export function* sumUp(
  parts: readonly (readonly (Row | KeptRow)[])[],
  level: Level,
  since: number,
  series = false,
): Generator<undefined, Summed> {
  const edges = new Map<string, Signals>();
  const periods = new Map<number, Map<string, Signals>>();
  const first = beginOf(level, since);
  for (const rows of parts) {
    const all = chosen(rows, level, first);
    // Those that are still added to, at once: while everybody else has their turn, one may become a part of another.
    for (const kept of [...all.filter(isOpen), ...all.filter((row) => !isOpen(row))]) {
      if (!isOpen(kept)) yield;
      const row = isOpen(kept) ? kept : readRow(kept);
      const begin = beginOf(level, row.begin);
      for (const [key, signals] of row.edges) {
        add(edges, key, signals);
        if (!series) continue;
        const period = periods.get(begin) ?? new Map<string, Signals>();
        add(period, key, signals);
        periods.set(begin, period);
      }
    }
  }
  return { edges, periods };
}

function isOpen(row: Row | KeptRow): row is Row {
  return !('text' in row);
}

/** Of the level itself all since then; of finer ones what their own upper rows do not have yet. */
function chosen(rows: readonly (Row | KeptRow)[], level: Level, first: number): readonly (Row | KeptRow)[] {
  const upTo = new Map(rows.map((row) => [`${row.level} ${row.begin}`, row.upTo]));
  const isIn = (row: Row | KeptRow): boolean => {
    const upper = above(row.level);
    if (upper === undefined) return false;
    return (upTo.get(`${upper} ${beginOf(upper, row.begin)}`) ?? 0) >= endOf(row.level, row.begin);
  };
  const finer = levels.slice(0, levels.indexOf(level));
  return rows.filter((row) => {
    if (row.begin < first) return false;
    return row.level === level || (finer.includes(row.level) && !isIn(row));
  });
}

function add(to: Map<string, Signals>, key: string, signals: Signals): void {
  const place = to.get(key) ?? noSignals();
  mergeSignals(place, signals);
  to.set(key, place);
}
