// What a control plane tells those that follow it of its roots, beyond the bundle: in which state each is, and how far their rotation has
// come. As a value of JSON, on the way and as it is kept at the other end.
import { parseRootsRecord } from './roots-note.ts';
import type { RootsRecord } from './roots-record.ts';

export interface ToldRoots {
  /** Without what is over. */
  readonly record: RootsRecord;
  /** While a rotation is under way: names of the roots over intermediates that are known there, by common name. */
  readonly issuers: ReadonlyMap<string, readonly string[]>;
}

const mostIssuers = 1000;

export function writeToldRoots({ record, issuers }: ToldRoots): object {
  const { rotation, last: _, ...rest } = record;
  const { cut: __, ...going } = rotation ?? {};
  return {
    record: { ...rest, removed: [], ...(rotation === undefined ? {} : { rotation: going }) },
    issuers: Object.fromEntries([...issuers].slice(-mostIssuers)),
  };
}

/** Throws for anything else. */
export function readToldRoots(value: unknown): ToldRoots {
  const { record, issuers }: { readonly record?: unknown; readonly issuers?: unknown } = Object(value);
  const named = Object.entries(Object(issuers)).map(([name, roots]): [string, readonly string[]] => [
    name,
    Array.isArray(roots) ? roots.map(String) : [],
  ]);
  return { record: parseRootsRecord(record), issuers: new Map(named) };
}
