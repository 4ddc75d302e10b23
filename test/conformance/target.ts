// What the suite needs of a server to judge it.
import type { Contents } from './contents.ts';
import type { Variant } from './variant.ts';

export interface Target {
  readonly name: string;
  /** A fresh server for clients of the variant. */
  start(variant: Variant): Promise<RunningTarget>;
}

export interface RunningTarget {
  /** `host:port` of the gRPC port, plaintext. */
  readonly address: string;
  /** Replaces everything that the node with this id is served; resolves once streams that open now see it. */
  set(node: string, contents: Contents): Promise<void>;
  stop(): Promise<void>;
}
