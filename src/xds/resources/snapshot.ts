// A snapshot: everything that one proxy is served, an immutable value. Resources are encoded once and shared by every snapshot with the
// same bytes; versions are content hashes, so equal content has the same version on every replica and after every restart. A proxy's own
// secrets are resources as well, only in its snapshot.
import type { TypeUrl } from './type-url.ts';

/** One resource, encoded. `version` is a hash of `value`, or for a proxy's own secret its serial. */
export interface EncodedResource {
  readonly typeUrl: TypeUrl;
  readonly name: string;
  readonly version: string;
  /** The serialized message, without the Any around it. */
  readonly value: Uint8Array;
}

export interface Snapshot {
  /** The store's revision that it was made from; only for people and metrics. */
  readonly revision: number;
  /** All resources by type and name; an absent type is empty, unless the snapshot is `partial`. */
  readonly resources: ReadonlyMap<TypeUrl, ReadonlyMap<string, EncodedResource>>;
  /**
   * Nothing is sent for an absent type, not even that it is empty: what a client has of it stays. For clients that are given only some
   * types: an empty LDS or CDS would delete everything that they have.
   */
  readonly partial?: true;
}
