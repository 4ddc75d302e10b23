// What the key of a certificate signs to vouch for a node key (attestor x509-pop): both sides build it here.

/** `nodeKey`: SHA-256 of its SubjectPublicKeyInfo, hex. Of no use with another one. */
export function popMessage(nodeKey: string): Buffer {
  return Buffer.from(`cellwall x509-pop v1\n${nodeKey}`);
}
