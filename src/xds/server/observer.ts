// Events of the stream server, one at a time: the registry, the publisher and `status` listen.

import type { NodeId } from '../../lib/node-id.ts';
import type { EncodedResource } from '../resources/snapshot.ts';
import type { TypeUrl } from '../resources/type-url.ts';
import type { StreamNode, StreamPeer } from './node.ts';

export type StreamId = number;

export type StreamEvent =
  /** First request of a stream, authenticated. */
  | {
      readonly kind: 'connected';
      readonly stream: StreamId;
      readonly node: NodeId;
      readonly claims: StreamNode;
      readonly peer: StreamPeer;
    }
  | {
      readonly kind: 'sent';
      readonly stream: StreamId;
      readonly node: NodeId;
      readonly typeUrl: TypeUrl;
      readonly nonce: string;
      readonly version: string;
      readonly resources: number;
      readonly revision: number;
    }
  | {
      readonly kind: 'acked';
      readonly stream: StreamId;
      readonly node: NodeId;
      readonly typeUrl: TypeUrl;
      readonly nonce: string;
      readonly version: string;
      readonly revision: number;
      /** Resources of the type that it rejected earlier and has not accepted since. */
      readonly refused: number;
    }
  /** It came back with everything of this type as it would be sent: nothing was sent, so no ACK follows. */
  | {
      readonly kind: 'kept';
      readonly stream: StreamId;
      readonly node: NodeId;
      readonly typeUrl: TypeUrl;
      readonly revision: number;
    }
  | {
      readonly kind: 'nacked';
      readonly stream: StreamId;
      readonly node: NodeId;
      readonly typeUrl: TypeUrl;
      readonly nonce: string;
      readonly version: string;
      readonly revision: number;
      /** What was new to the client in the response that it rejected. */
      readonly changed: readonly EncodedResource[];
      readonly message: string;
    }
  | { readonly kind: 'disconnected'; readonly stream: StreamId; readonly node: NodeId };

export type StreamObserver = (event: StreamEvent) => void;

/** Decides who a stream is. Throws CellwallError (unauthenticated, permission_denied) to refuse it. */
export type StreamAuthenticator = (peer: StreamPeer, node: StreamNode) => NodeId;
