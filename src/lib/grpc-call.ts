// A method on a gRPC port, independent of the transport underneath: messages as bytes in both directions, and one status at the end.
// Whether one or many messages go each way makes no difference on the wire, nor here.
import type { CellwallError } from './errors.ts';

export interface GrpcPeer {
  /** Leaf certificate of the verified client chain, DER; absent without mTLS. */
  readonly certificate?: Uint8Array;
  /** Remote IP address. */
  readonly address: string;
}

/** What a method may do with its call. */
export interface GrpcCall {
  readonly peer: GrpcPeer;
  /** A header of the request (gRPC's metadata), by its name in lower case; of several values the first. */
  header(name: string): string | undefined;
  /**
   * Passes one message to the wire, with gRPC's prefix (`frameOf`); other calls may write the same bytes, which nobody changes. `sent` is
   * called once the peer's flow control has let it go.
   */
  write(frame: Buffer, sent?: () => void): void;
  /** No further message is delivered until `resume`; flow control then holds the peer back. */
  pause(): void;
  resume(): void;
  /** Ends the call, with success or another status. Anything after that is ignored. */
  end(error?: CellwallError): void;
}

/** What a call reports to its method; never after `end`. */
export interface GrpcHandler {
  message(bytes: Buffer): void;
  /** The peer will send nothing more. */
  halfClosed(): void;
  /** The call is over, without an `end` from this side: the peer has left, or what it sent is not an acceptable message. */
  cancelled(why: 'left' | 'broken'): void;
}

/** What speaks gRPC on the xDS port: HTTP/2 of our own, or grpc-js. */
export const grpcTransports = ['http2', 'grpc-js'] as const;
export type GrpcTransportName = (typeof grpcTransports)[number];

/** By path, as in `/package.Service/Method`. */
export type GrpcMethods = ReadonlyMap<string, (call: GrpcCall) => GrpcHandler>;

/** One byte for "not compressed", four for the length. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
export const framePrefix = 5;

/** gRPC's five-byte prefix (not compressed), and the message. */
export function frameOf(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(framePrefix + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, framePrefix);
  return frame;
}
