// Which host an SVID belongs to, written into it: the fingerprint of its node key, signed by the CA with the rest. A renewal takes it
// over, so that whatever was copied from a host can be told from its siblings, and refused with it.
import { derTag, readDerOne, writeDer } from './der.ts';
import { extensionsOf } from './extensions.ts';

/** An OID below that of UUIDs (X.667), which needs no registration; small enough for every X.509 library. Not critical. */
export const nodeKeyOid = '2.25.8154736251943';
const oidBytes = '6981edaae1a1a827';

/** `nodeKey`: SHA-256 of its SubjectPublicKeyInfo, hex. */
export function nodeKeyExtensionValue(nodeKey: string): Buffer {
  return writeDer(derTag.octetString, Buffer.from(nodeKey, 'hex'));
}

/** The node key that a certificate (DER, of our CA) is bound to; undefined for one without. */
export function nodeKeyOf(certificate: Uint8Array): string | undefined {
  const value = extensionsOf(certificate).get(oidBytes);
  return value === undefined ? undefined : readDerOne(value, derTag.octetString).content.toString('hex');
}
