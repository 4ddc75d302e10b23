// One proxy of the record's coverage, as it is persisted.
import type { MissingInLog } from '../lib/missing-in-log.ts';
import type { Json } from '../lib/table.ts';

export interface StoredNode {
  readonly service: string;
  /** When it was first seen. Epoch milliseconds, as all here. */
  readonly since: number;
  readonly goneAt?: number;
  /** Until when older gaps were forgotten, as there were too many. */
  readonly forgotUntil?: number;
  /** The newest last, one that still lasts (`null`) after all others. */
  readonly gaps: readonly StoredGap[];
}

/** With the surplus of Envoy's counters over the log, if that is the reason. */
export type StoredGap = readonly [from: number, to: number | null, missing?: MissingInLog];

/** Undefined for anything that this version did not write. */
export function readNode(value: Json): StoredNode | undefined {
  const field = (name: string): unknown => Object.getOwnPropertyDescriptor(Object(value), name)?.value;
  const [service, since, goneAt, gaps, forgotUntil] = ['service', 'since', 'goneAt', 'gaps', 'forgotUntil'].map(field);
  if (typeof service !== 'string' || typeof since !== 'number' || !Array.isArray(gaps)) return undefined;
  return {
    service,
    since,
    gaps: gaps.flatMap((gap: unknown) => {
      const [from, to, missing]: readonly unknown[] = Array.isArray(gap) ? gap : [];
      if (typeof from !== 'number' || !(typeof to === 'number' || to === null)) return [];
      const read = readMissing(missing);
      return [read === undefined ? ([from, to] as const) : ([from, to, read] as const)];
    }),
    ...(typeof goneAt === 'number' ? { goneAt } : {}),
    ...(typeof forgotUntil === 'number' ? { forgotUntil } : {}),
  };
}

function readMissing(value: unknown): MissingInLog | undefined {
  const field = (name: string): unknown => Object.getOwnPropertyDescriptor(Object(value), name)?.value;
  const [what, counted, told] = ['what', 'counted', 'told'].map(field);
  const known = what === 'requests' || what === 'connections' || what === 'log entries';
  return known && typeof counted === 'number' && typeof told === 'number' ? { what, counted, told } : undefined;
}
