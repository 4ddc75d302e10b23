// A response that was sent, as it is remembered until it is answered, and told to the observer. Streams that are sent the same share it.
import type { EncodedResource } from '../resources/snapshot.ts';
import type { TypeUrl } from '../resources/type-url.ts';

export interface Sent {
  readonly typeUrl: TypeUrl;
  readonly nonce: string;
  /** Of responses made later it is larger. */
  readonly number: number;
  readonly version: string;
  readonly resources: number;
  /** Those of them that the client did not have. */
  readonly changed: readonly EncodedResource[];
  /**
   * What the changed ones refer to as the client's versions of them did, and was not sent again for that: counted on these to be accepted.
   */
  readonly countedOn: () => readonly string[];
  /** The snapshot's. */
  readonly revision: number;
}
