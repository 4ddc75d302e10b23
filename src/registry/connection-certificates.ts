// Which certificate each proxy's xDS connection used: which of the fetched ones are in use, and by whom.

export interface ConnectionCertificates {
  /** A stream of `node` was authenticated by the certificate with that serial, as identity/ writes serials. */
  connected(node: string, serial: string): void;
  disconnected(node: string): void;
  /** Node by serial. */
  holders(): ReadonlyMap<string, string>;
}

/** Of several streams of a node, the last one that was authenticated counts. */
export function createConnectionCertificates(): ConnectionCertificates {
  const serials = new Map<string, string>();
  return {
    connected: (node, serial) => void serials.set(node, serial),
    disconnected: (node) => void serials.delete(node),
    holders: () => new Map([...serials].map(([node, serial]) => [serial, node])),
  };
}
