// What speaks gRPC on connections that ended their handshakes: Node's HTTP/2 with framing of our own, or grpc-js. Both pass one suite.
import type { Socket } from 'node:net';
import type { GrpcMethods } from '../../lib/grpc-call.ts';

export interface GrpcTransportOptions {
  readonly methods: GrpcMethods;
  /** Bytes of one message. */
  readonly messageBytes: number;
  /** After about this long a connection is renewed, and this much later cut. */
  readonly ageMs: number;
  readonly ageGraceMs: number;
  /** A connection without a call for that long is closed. */
  readonly idleMs: number;
  /** How often a peer is asked whether it is there, and how long it may take to answer. */
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
  /** Calls of one connection at once. */
  readonly calls: number;
}

export interface GrpcTransport {
  /** `certificate`: verified, DER; undefined without mTLS. */
  take(socket: Socket, certificate: Uint8Array | undefined): void;
  /** Tells all that no new call is taken; what runs goes on. */
  goAway(): void;
  /** Cuts all connections. */
  destroy(): void;
}
