// The version of a set of resources, state-of-the-world's `version_info`: the same set has the same version whatever its
// order, the replica or the restart. Lanes of per-resource hashes are summed, so that no set is sorted or hashed again.
import { hash } from 'node:crypto';
import type { EncodedResource } from './snapshot.ts';

const digests = new WeakMap<EncodedResource, Uint32Array>();

/** 16 hex digits. */
export function setVersion(resources: Iterable<EncodedResource>): string {
  const sum = new Uint32Array(4);
  for (const resource of resources) {
    const digest = digestOf(resource);
    for (let lane = 0; lane < 4; lane++) sum[lane] = (sum[lane] ?? 0) + (digest[lane] ?? 0);
  }
  return Buffer.from(sum.buffer).toString('hex').slice(0, 16);
}

function digestOf(resource: EncodedResource): Uint32Array {
  const known = digests.get(resource);
  if (known !== undefined) return known;
  const bytes = hash('sha256', `${resource.name}\0${resource.version}`, 'buffer');
  const digest = Uint32Array.from({ length: 4 }, (_, lane) => bytes.readUInt32LE(lane * 4));
  digests.set(resource, digest);
  return digest;
}
