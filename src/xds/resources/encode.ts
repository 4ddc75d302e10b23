// A resource as it is stored: its message encoded once, with its version. The envelope is written with each response.
import { hash } from 'node:crypto';
import type { EncodedResource } from './snapshot.ts';
import type { TypeUrl } from './type-url.ts';

/** Without `version`, it is a hash of the content: equal on every replica and after every restart. */
export function encodeResource(typeUrl: TypeUrl, name: string, value: Uint8Array, version?: string): EncodedResource {
  return { typeUrl, name, version: version ?? contentVersion(value), value };
}

export function contentVersion(value: Uint8Array): string {
  return versionOf(hash('sha256', value, 'hex'));
}

/** The first 64 bits of SHA-256, in hex. */
export function versionOf(sha256: string): string {
  return sha256.slice(0, 16);
}
