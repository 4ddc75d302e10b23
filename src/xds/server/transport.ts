// What a stream and the connection underneath tell each other: as narrow an interface as possible.
import type { CellwallError } from '../../lib/errors.ts';
import type { StreamPeer } from './node.ts';

/** The connection underneath, as narrow as a stream needs it. */
export interface StreamTransport {
  readonly peer: StreamPeer;
  /**
   * Passes one response to the wire, with gRPC's prefix (other streams write the same bytes, which nobody may change); `sent` is called
   * once the peer's flow control has let it go.
   */
  write(frame: Buffer, sent: () => void): void;
  /** Pauses reading requests, so that flow control holds the peer back. */
  rest(ms: number): void;
  /** Ends the stream with a status. */
  end(error: CellwallError): void;
}

/** What the transport tells a stream. */
export interface XdsStream {
  request(bytes: Uint8Array): void;
  closed(): void;
}
