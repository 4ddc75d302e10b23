// The signals of one service over time: what is reported goes into the present minute; a minute that is over goes into its hour, an hour
// into its day, a day into its month. Each stays beside for a while (period.ts), as text.
import { crowdOf, type Edge, edgeKey, readEdge } from './edge.ts';
import { above, beginOf, endOf, keptMs, type Level, levels } from './period.ts';
import { emptyRow, type KeptRow, keepRow, mergeRow, placeIn, type Row, readRow, rowName } from './row.ts';
import { addSample, type Sample } from './signals.ts';

export interface ServiceSignals {
  record(edge: Edge, sample: Sample, now: number): void;
  /** Ends the periods that are over, and forgets what is older than it is kept. */
  advance(now: number): void;
  /** All that there is, as it is. */
  rows(): readonly (Row | KeptRow)[];
  /** Since the last call: rows by their names, as they are now; undefined for those that are gone. */
  changes(): ReadonlyMap<string, KeptRow | undefined>;
  /** Characters of what is kept as text. */
  size(): number;
  /** Forgets the oldest of the finest period; false if nothing is left but what is open. */
  shrink(): boolean;
  /** Until when periods of this level are gone for lack of space. */
  droppedUntil(level: Level): number;
}

/** `kept`: what was stored, in any order; a process may have ended at any moment while it was written. */
export function createServiceSignals(service: string, kept: readonly KeptRow[], now: number): ServiceSignals {
  const closed = new Map<string, KeptRow>();
  const open = new Map<Level, Row>();
  const changed = new Set<string>();
  const dropped = new Map<Level, number>();
  let size = 0;

  const nameOf = ({ level, begin }: Pick<Row, 'level' | 'begin'>): string => rowName(service, level, begin);
  const remove = (name: string): void => {
    size -= closed.get(name)?.text.length ?? 0;
    closed.delete(name);
  };
  const put = (row: KeptRow): void => {
    remove(nameOf(row));
    closed.set(nameOf(row), row);
    size += row.text.length;
  };
  const crowd = (key: string): string => {
    const edge = readEdge(service, key);
    return edge === undefined ? key : edgeKey(crowdOf(edge));
  };
  /** The open one of that level, if it is of this period; otherwise the one before is closed first. */
  const openAt = (level: Level, begin: number): Row => {
    const present = open.get(level);
    if (present !== undefined && present.begin >= begin) return present;
    if (present !== undefined) close(present);
    const next = emptyRow(level, begin);
    open.set(level, next);
    return next;
  };
  const close = (row: Row): void => {
    open.delete(row.level);
    put(keepRow(row));
    changed.add(nameOf(row));
    addAbove(row);
  };
  /** Adds a row that is over to the one above it, once. */
  const addAbove = (row: Row): void => {
    const level = above(row.level);
    if (level === undefined) return;
    const end = endOf(row.level, row.begin);
    const begin = beginOf(level, row.begin);
    const there = closed.get(rowName(service, level, begin));
    if (there === undefined) {
      const into = openAt(level, begin);
      if (into.upTo >= end) return;
      mergeRow(into, row, crowd);
      into.upTo = end;
      changed.add(nameOf(into));
      return;
    }
    if (there.upTo >= end) return;
    const into = readRow(there);
    mergeRow(into, row, crowd);
    into.upTo = end;
    put(keepRow(into));
    changed.add(nameOf(into));
  };
  const advance = (at: number): void => {
    for (const level of levels) {
      const row = open.get(level);
      if (row !== undefined && endOf(level, row.begin) <= at) close(row);
    }
    for (const [name, { level, begin }] of closed) {
      if (begin >= at - keptMs[level]) continue;
      remove(name);
      changed.add(name);
    }
  };

  for (const row of kept) put(row);
  for (const level of levels) {
    const own = [...closed.values()].filter((row) => row.level === level).sort((a, b) => a.begin - b.begin);
    for (const row of own) {
      if (endOf(level, row.begin) > now) {
        remove(nameOf(row));
        // A clock that was set back: what begins later than now is none of the present period's.
        if (row.begin <= now) open.set(level, readRow(row));
      } else addAbove(readRow(row));
    }
  }
  advance(now);

  return {
    record(edge, sample, at) {
      const row = openAt('minute', beginOf('minute', at));
      addSample(placeIn(row, edge), sample, at);
      changed.add(nameOf(row));
    },
    advance,
    rows: () => [...closed.values(), ...open.values()],
    changes() {
      const found = new Map<string, KeptRow | undefined>();
      const present = new Map([...open.values()].map((row) => [nameOf(row), row]));
      for (const name of changed) {
        const row = present.get(name);
        found.set(name, row === undefined ? closed.get(name) : keepRow(row));
      }
      changed.clear();
      return found;
    },
    size: () => size,
    shrink() {
      for (const level of levels) {
        const [oldest] = [...closed.values()].filter((row) => row.level === level).sort((a, b) => a.begin - b.begin);
        if (oldest === undefined) continue;
        remove(nameOf(oldest));
        changed.add(nameOf(oldest));
        dropped.set(level, endOf(level, oldest.begin));
        return true;
      }
      return false;
    },
    droppedUntil: (level) => dropped.get(level) ?? 0,
  };
}
