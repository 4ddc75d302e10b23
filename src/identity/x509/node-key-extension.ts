// Which host an SVID belongs to, written into it: the fingerprint of its node key, signed by the CA with the rest. A renewal takes it
// over, so that whatever was copied from a host can be told from its siblings, and refused with it.
import { derTag, readDer, readDerOne, writeDer } from './der.ts';

/** An OID below that of UUIDs (X.667), which needs no registration; small enough for every X.509 library. Not critical. */
export const nodeKeyOid = '2.25.8154736251943';
const oidBytes = Buffer.from('6981edaae1a1a827', 'hex');

/** `nodeKey`: SHA-256 of its SubjectPublicKeyInfo, hex. */
export function nodeKeyExtensionValue(nodeKey: string): Buffer {
  return writeDer(derTag.octetString, Buffer.from(nodeKey, 'hex'));
}

/** The node key that a certificate (DER, of our CA) is bound to; undefined for one without. */
export function nodeKeyOf(certificate: Uint8Array): string | undefined {
  const [tbs] = readDer(readDerOne(Buffer.from(certificate), derTag.sequence).content);
  const extensions = tbs === undefined ? undefined : readDer(tbs.content).find(({ tag }) => tag === 0xa3);
  if (extensions === undefined) return undefined;
  for (const { content } of readDer(readDerOne(extensions.content, derTag.sequence).content)) {
    const parts = readDer(content);
    const value = parts.at(-1);
    if (parts[0]?.content.equals(oidBytes) !== true || value?.tag !== derTag.octetString) continue;
    return readDerOne(value.content, derTag.octetString).content.toString('hex');
  }
  return undefined;
}
