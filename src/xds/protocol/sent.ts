// A response that was sent, as it is remembered until it is answered, and told to the observer.
import type { EncodedResource } from '../resources/snapshot.ts';
import type { TypeUrl } from '../resources/type-url.ts';

export interface Sent {
  readonly typeUrl: TypeUrl;
  readonly nonce: string;
  readonly version: string;
  readonly resources: number;
  /** Those of them that the client did not have. */
  readonly changed: readonly EncodedResource[];
  /** The snapshot's. */
  readonly revision: number;
}
