// A sent response, as it is remembered until it is answered, and passed to the observer. Streams that are sent the same share it.
import type { EncodedResource } from '../resources/snapshot.ts';
import type { TypeUrl } from '../resources/type-url.ts';

/** What is remembered of a response for as long as it is the newest. */
export interface SentMark {
  readonly nonce: string;
  /** Increases with each response made. */
  readonly number: number;
}

export interface Sent extends SentMark {
  readonly typeUrl: TypeUrl;
  readonly mark: SentMark;
  readonly version: string;
  /** How many it contained. */
  readonly resources: number;
  /** Those of them that the client did not have. */
  readonly changed: readonly EncodedResource[];
  /**
   * What the changed ones refer to in the same way as the client's versions did, and was therefore not sent again: this relies on these
   * being accepted.
   */
  readonly countedOn: () => readonly string[];
  /** The snapshot's. */
  readonly revision: number;
}
