// The version of a set of resources, state-of-the-world's `version_info`: the same set has the same version whatever its
// order, the replica or the restart. Lanes of per-resource hashes are summed, so that no set is sorted or hashed again.
import type { EncodedResource } from './snapshot.ts';

interface Digest {
  readonly high: number;
  readonly low: number;
}

const digests = new WeakMap<EncodedResource, Digest>();

/** A version of so many says each of them, so that it also tells who has some of them. */
const mostApart = 4;

/** 16 hex digits; of a few resources as many for each, in the order of the digits. */
export function setVersion(resources: readonly EncodedResource[]): string {
  if (resources.length > 1 && resources.length <= mostApart) return apart(resources).sort().join('.');
  let [high, low] = [0, 0];
  for (const resource of resources) {
    const digest = digestOf(resource);
    high = (high + digest.high) >>> 0;
    low = (low + digest.low) >>> 0;
  }
  return digits({ high, low });
}

/** Whether whoever has the set of this version has all of these, as far as the version says. */
export function versionCovers(version: string, resources: readonly EncodedResource[]): boolean {
  if (version === setVersion(resources)) return true;
  const said = version.split('.');
  return resources.length > 0 && said.length > 1 && apart(resources).every((one) => said.includes(one));
}

function apart(resources: readonly EncodedResource[]): string[] {
  return resources.map((resource) => digits(digestOf(resource)));
}

function digits({ high, low }: Digest): string {
  return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0');
}

function digestOf(resource: EncodedResource): Digest {
  const known = digests.get(resource);
  if (known !== undefined) return known;
  const digest = mixed(`${resource.name}\0${resource.version}`);
  digests.set(resource, digest);
  return digest;
}

/**
 * Not for secrecy: the version in it is a hash of the content, and whoever claims a wrong one is not sent what it lacks. Each proxy's
 * secrets get one whenever they are sent, where SHA-256 was a tenth of the work. Two lanes of MurmurHash3's steps and its finalizer
 * (Austin Appleby, public domain), over UTF-16 code units.
 */
function mixed(text: string): Digest {
  let [high, low] = [0x9747b28c, 0x3c6ef372];
  for (let at = 0; at < text.length; at++) {
    const unit = Math.imul(text.charCodeAt(at) + 1, 0xcc9e2d51);
    high = Math.imul(rotated(high ^ Math.imul(rotated(unit, 15), 0x1b873593), 13), 5) + 0xe6546b64;
    low = Math.imul(rotated(low ^ Math.imul(rotated(unit, 16), 0x85ebca6b), 17), 9) + 0x52dce729;
  }
  high = finished(high + low);
  return { high, low: finished(low + high) };
}

function rotated(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function finished(value: number): number {
  const once = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35);
  return (twice ^ (twice >>> 16)) >>> 0;
}
