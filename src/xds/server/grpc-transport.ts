// The gRPC transport on connections that have finished their handshakes: Node's HTTP/2 with our own framing, or grpc-js. Both pass the same
// test suite.
import type { Socket } from 'node:net';
import type { GrpcMethods } from '../../lib/grpc-call.ts';

export interface GrpcTransportOptions {
  readonly methods: GrpcMethods;
  /** Maximum size of one message in bytes. */
  readonly messageBytes: number;
  /** After about this long a connection is renewed, and cut this much later. */
  readonly ageMs: number;
  readonly ageGraceMs: number;
  /** A connection without a call for this long is closed. */
  readonly idleMs: number;
  /** How often a peer is asked whether it is there, and how long it may take to answer. */
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
  /** Concurrent calls on one connection. */
  readonly calls: number;
}

export interface GrpcTransport {
  /** `certificate`: verified, DER; undefined without mTLS. */
  take(socket: Socket, certificate: Uint8Array | undefined): void;
  /** Tells all peers that no new call is accepted; calls in progress continue. */
  goAway(): void;
  /** Cuts all connections. */
  destroy(): void;
}
