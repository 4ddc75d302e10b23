// An entry of a guarded table, as it is stored there and remembered here.
import type { Json } from '../../lib/table.ts';

export interface Entry {
  /** Absent: it was deleted. */
  readonly value?: Json;
  /** Later ones count. Epoch milliseconds, or one more than the previous one. */
  readonly at: number;
  readonly until: number | null;
}

/** Undefined if there is none, or something else. */
export function readEntry(stored: Json | undefined): Entry | undefined {
  if (typeof stored !== 'object' || stored === null || !('at' in stored) || !('until' in stored)) return undefined;
  const { at, until } = stored;
  if (typeof at !== 'number' || !(until === null || typeof until === 'number')) return undefined;
  return { at, until, ...('value' in stored && stored.value !== undefined ? { value: stored.value } : {}) };
}

export function sealOf(stored: Json | undefined): unknown {
  return typeof stored === 'object' && stored !== null && 'seal' in stored ? stored.seal : undefined;
}
