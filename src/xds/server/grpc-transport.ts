// What speaks gRPC on connections that ended their handshakes: HTTP/2 of our own, or grpc-js. Both pass one suite.
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
  /** `certificate`: verified, DER; undefined without mTLS. `admit` is asked before each stream: false, and the connection is to end. */
  take(socket: Socket, certificate: Uint8Array | undefined, admit: () => boolean): void;
  /** Tells all that no new call is taken; what runs goes on. */
  goAway(): void;
  /** Cuts all connections. */
  destroy(): void;
}
