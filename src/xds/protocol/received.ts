// A request in the form that the steps use: typed, and limited by the limits of its stream.
import type { TypeUrl } from '../resources/type-url.ts';
import type { StreamNode } from '../server/node.ts';

export interface Received<Request> {
  /** Only a stream's first request certainly has one. */
  readonly node: StreamNode | undefined;
  /** Undefined for a type that is not served here. */
  readonly request: Request | undefined;
  readonly typeUrl: string;
}

/** The fields of `DiscoveryRequest` that are used; all texts are limited in length. */
export interface SotwRequest {
  readonly typeUrl: TypeUrl;
  readonly version: string;
  readonly names: readonly string[];
  readonly nonce: string;
  /** `error_detail`, if there is one. */
  readonly error: string | undefined;
}

/** The fields of `DeltaDiscoveryRequest` that are used; all texts are limited in length. */
export interface DeltaRequest {
  readonly typeUrl: TypeUrl;
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  readonly initialVersions: ReadonlyMap<string, string>;
  readonly nonce: string;
  /** `error_detail`, if there is one. */
  readonly error: string | undefined;
}
