// Interns encoded resources: equal type, name, version and content give the same object, so that snapshots of thousands of proxies share
// its bytes. Held weakly: what no snapshot and no stream uses any more is collected.
import { hash } from 'node:crypto';
import { encodeResource, versionOf } from './encode.ts';
import type { EncodedResource } from './snapshot.ts';
import type { TypeUrl } from './type-url.ts';

export interface Interner {
  encode(typeUrl: TypeUrl, name: string, value: Uint8Array, version?: string): EncodedResource;
  /** How many resources it knows, for metrics. */
  size(): number;
}

/** `version` defaults to a hash of the content. */
export function createInterner(): Interner {
  const known = new Map<string, WeakRef<EncodedResource>>();
  const forget = new FinalizationRegistry((key: string) => {
    // A new one may have taken the key since.
    if (known.get(key)?.deref() === undefined) known.delete(key);
  });
  return {
    encode(typeUrl, name, value, version) {
      const digest = hash('sha256', value, 'hex');
      const key = `${typeUrl}\0${name}\0${version ?? ''}\0${digest}`;
      const there = known.get(key)?.deref();
      if (there !== undefined) return there;
      const fresh = encodeResource(typeUrl, name, value, version ?? versionOf(digest));
      known.set(key, new WeakRef(fresh));
      forget.register(fresh, key);
      return fresh;
    },
    size: () => known.size,
  };
}
