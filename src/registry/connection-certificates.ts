// Which certificate each proxy's xDS connection used: which of the fetched ones are in use, and by whom.
import { X509Certificate } from 'node:crypto';

export interface ConnectionCertificates {
  /** A stream of `node` was authenticated by this leaf, DER. */
  connected(node: string, certificate: Uint8Array): void;
  disconnected(node: string): void;
  /** Node by serial, as identity/ writes serials. */
  holders(): ReadonlyMap<string, string>;
}

/** Of several streams of a node, the last one that was authenticated counts. */
export function createConnectionCertificates(): ConnectionCertificates {
  const serials = new Map<string, string>();
  return {
    connected(node, certificate) {
      serials.set(node, new X509Certificate(certificate).serialNumber.toLowerCase());
    },
    disconnected: (node) => void serials.delete(node),
    holders: () => new Map([...serials].map(([node, serial]) => [serial, node])),
  };
}
