// A snapshot: everything one proxy is served, an immutable value. Resources are encoded once, shared by every snapshot
// that holds the same bytes; versions are content hashes, so equal content has the same version on every replica and
// after every restart. A proxy's own secrets are resources too, in its snapshot alone.
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
  /** All resources by type and name; a type that is absent is empty, unless the snapshot is `partial`. */
  readonly resources: ReadonlyMap<TypeUrl, ReadonlyMap<string, EncodedResource>>;
  /**
   * Of a type that is absent nothing is said, not even that there is nothing: what a client has of it stays. For clients
   * that are given some types only: an empty LDS or CDS would delete all that they have.
   */
  readonly partial?: true;
}
