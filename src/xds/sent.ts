// A response that was sent, as it is remembered until it is answered, and told to the observer.
import type { TypeUrl } from './type-url.ts';

export interface Sent {
  readonly typeUrl: TypeUrl;
  readonly nonce: string;
  readonly version: string;
  readonly resources: number;
  /** The snapshot's. */
  readonly revision: number;
}
