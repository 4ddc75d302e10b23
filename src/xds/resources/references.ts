// Which resources a listener or cluster may wait for: any string inside it is considered a possible name. Too many only means that a
// dependent is sent once more; too few would leave a listener warming for ever. Needs no schema, so it also works for types that are
// unknown here.
import type { EncodedResource } from './snapshot.ts';
import { scanFields } from './wire.ts';

const maxDepth = 32;
const maxName = 4096;
const memo = new WeakMap<EncodedResource, ReadonlySet<string>>();

/** Every string in the resource that could be a name; extracted once for all streams. */
export function references(resource: EncodedResource): ReadonlySet<string> {
  const known = memo.get(resource);
  if (known !== undefined) return known;
  const names = new Set<string>();
  walk(resource, (found) => {
    for (const name of found) names.add(name);
  });
  memo.set(resource, names);
  return names;
}

/**
 * Those that the resource refers to in a way in which the previous one did not: the message that contains the name (`Rds`,
 * `SdsSecretConfig`, the filter) is different. If its bytes are the same, Envoy keeps the subscription that it has, in its route config and
 * secret managers and for extension configs, and does not wait for anything that it already got.
 */
export function newReferences(resource: EncodedResource, before: EncodedResource | undefined): ReadonlySet<string> {
  if (before === undefined) return references(resource);
  const holders = new Set<string>();
  walk(before, (_found, holder) => void holders.add(latin1(holder)));
  const names = new Set<string>();
  walk(resource, (found, holder) => {
    if (!holders.has(latin1(holder))) for (const name of found) names.add(name);
  });
  return names;
}

/** Each message that contains possible names, with these. */
function walk({ value }: EncodedResource, visit: (names: readonly string[], holder: Uint8Array) => void): void {
  const into = (holder: Uint8Array, depth: number): void => {
    const names: string[] = [];
    scanFields(holder, (inner) => {
      if (inner.length <= maxName && isText(inner)) names.push(Buffer.from(inner).toString('utf8'));
      if (depth < maxDepth) into(inner, depth + 1);
    });
    if (names.length > 0) visit(names, holder);
  };
  into(value, 0);
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** No control characters: an embedded message nearly always has one, a name never. */
function isText(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte < 0x20) return false;
  return bytes.length > 0;
}
