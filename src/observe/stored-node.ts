// One proxy of the record's coverage, as it is persisted.
import type { Json } from '../lib/table.ts';

export interface StoredNode {
  readonly service: string;
  /** When it was first seen. Epoch milliseconds, as all here. */
  readonly since: number;
  readonly goneAt?: number;
  /** From, and to; `null`: still. The newest last. */
  readonly gaps: readonly (readonly [from: number, to: number | null])[];
}

/** Undefined for what this version did not write. */
export function readNode(value: Json): StoredNode | undefined {
  const field = (name: string): unknown => Object.getOwnPropertyDescriptor(Object(value), name)?.value;
  const [service, since, goneAt, gaps] = ['service', 'since', 'goneAt', 'gaps'].map(field);
  if (typeof service !== 'string' || typeof since !== 'number' || !Array.isArray(gaps)) return undefined;
  return {
    service,
    since,
    gaps: gaps.flatMap((gap: unknown) => {
      const [from, to]: readonly unknown[] = Array.isArray(gap) ? gap : [];
      return typeof from === 'number' && (typeof to === 'number' || to === null) ? [[from, to] as const] : [];
    }),
    ...(typeof goneAt === 'number' ? { goneAt } : {}),
  };
}
