// Which resources a listener or cluster may wait for: any string inside it is taken as a possible name. Too many only
// means that a dependent is sent once more; too few would leave a listener warming for ever. Needs no schema, so it also
// sees into types that nobody here has heard of.
import type { EncodedResource } from './snapshot.ts';
import { scanFields } from './wire.ts';

const maxDepth = 32;
const maxName = 4096;
const memo = new WeakMap<EncodedResource, ReadonlySet<string>>();

/** Every string in the resource that could be a name; read once for all streams. */
export function references(resource: EncodedResource): ReadonlySet<string> {
  const known = memo.get(resource);
  if (known !== undefined) return known;
  const names = new Set<string>();
  const visit = (value: Uint8Array, depth: number): void => {
    if (value.length <= maxName && isText(value)) names.add(Buffer.from(value).toString('utf8'));
    if (depth < maxDepth) scanFields(value, (inner) => visit(inner, depth + 1));
  };
  visit(resource.value, 0);
  memo.set(resource, names);
  return names;
}

/** No control characters: an embedded message nearly always has one, a name never. */
function isText(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte < 0x20) return false;
  return bytes.length > 0;
}
