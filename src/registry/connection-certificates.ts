// Which certificate each proxy's xDS connection used: which of the fetched ones are in use, and by whom.

export interface ConnectionCertificates {
  /** That stream of `node` was authenticated by the certificate with that serial, as identity/ writes serials. */
  connected(stream: number, node: string, serial: string): void;
  disconnected(stream: number): void;
  /** Node by serial. */
  holders(): ReadonlyMap<string, string>;
}

/** Of several streams of a node, the last one that was authenticated and is still open counts. */
export function createConnectionCertificates(): ConnectionCertificates {
  const streams = new Map<number, readonly [node: string, serial: string]>();
  return {
    connected: (stream, node, serial) => void streams.set(stream, [node, serial]),
    disconnected: (stream) => void streams.delete(stream),
    holders() {
      const serials = new Map(streams.values());
      return new Map([...serials].map(([node, serial]) => [serial, node]));
    },
  };
}
