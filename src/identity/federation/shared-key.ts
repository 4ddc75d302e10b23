// Whether two trust domains have a root key in common. Each could then vouch for the other, whatever the certificates are named.
import { X509Certificate } from 'node:crypto';

/** Both PEM, one certificate each. */
export function sharedKey(one: readonly string[], other: readonly string[]): boolean {
  const keys = new Set(one.map(keyOf));
  return other.some((root) => keys.has(keyOf(root)));
}

function keyOf(root: string): string {
  return new X509Certificate(root).publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
}
