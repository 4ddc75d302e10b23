// What a step of a stream asks its server to do: send something, or notify somebody.
import type { TypeUrl } from '../resources/type-url.ts';
import type { Sent } from './sent.ts';

export type Effect =
  /** `frame`: including gRPC's prefix; other streams write the same bytes. */
  | { readonly kind: 'send'; readonly sent: Sent; readonly frame: Buffer }
  /** Flush again in this many milliseconds, if nothing else causes it before. */
  | { readonly kind: 'later'; readonly ms: number }
  /** `refused`: resources of the type that were rejected earlier and not accepted since. */
  | { readonly kind: 'acked'; readonly sent: Sent; readonly refused: number }
  /** The client arrived with all of it: nothing is sent that it could answer. */
  | { readonly kind: 'kept'; readonly typeUrl: TypeUrl; readonly revision: number }
  | { readonly kind: 'nacked'; readonly sent: Sent; readonly message: string };
