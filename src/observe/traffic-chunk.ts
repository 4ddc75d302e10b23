// A part of the traffic record as JSON. The lists of rules that path shapes were judged by are written once per chunk.
import type { Json } from '../lib/table.ts';
import type { RecordedPath } from '../policy/replay/recorded-path.ts';
import type { Aggregate } from './traffic-count.ts';

/** Of this form: what another version wrote is not read. */
const version = 2;

export function writeChunk(aggregates: readonly Aggregate[]): Json {
  const lists: (readonly string[])[] = [];
  const pathJson = (path: RecordedPath): Json => {
    if (path.kind !== 'shape') return { ...path };
    let index = lists.indexOf(path.among);
    if (index === -1) index = lists.push(path.among) - 1;
    return { kind: 'shape', matched: path.matched, among: index };
  };
  const calls = aggregates.map(({ path, shadow, days, ...rest }): Json => {
    return {
      ...rest,
      days: days.map(([day, count]) => [day, count]),
      ...(path === undefined ? {} : { path: pathJson(path) }),
      ...(shadow === undefined ? {} : { shadow: { ...shadow } }),
    };
  });
  return { version, lists, calls };
}

interface Chunk {
  readonly version: number;
  readonly lists: readonly (readonly string[])[];
  readonly calls: readonly (Omit<Aggregate, 'path'> & {
    readonly path?:
      | Exclude<RecordedPath, { kind: 'shape' }>
      | { kind: 'shape'; matched: readonly string[]; among: number };
  })[];
}

/** Undefined for anything that this version did not write. */
export function readChunk(value: Json): readonly Aggregate[] | undefined {
  if (!isChunk(value)) return undefined;
  return value.calls.map(({ path, ...rest }) => {
    if (path === undefined) return rest;
    if (path.kind !== 'shape') return { ...rest, path };
    return { ...rest, path: { ...path, among: value.lists[path.among] ?? [] } };
  });
}

/** Only `writeChunk` writes there: its version vouches for the rest. */
function isChunk(value: unknown): value is Chunk {
  return typeof value === 'object' && value !== null && 'version' in value && value.version === version;
}
