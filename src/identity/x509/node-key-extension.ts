// Records in an SVID which host it belongs to: the fingerprint of its node key, signed by the CA with the rest. A renewal copies it, so
// that anything copied from a host can be distinguished from its siblings, and refused with it.
import { derTag, readDerOne, writeDer } from './der.ts';
import { extensionsOf } from './extensions.ts';

/** 2.25.815473625: below the OID of UUIDs (X.667), which needs no registration; of 31 bits, as Go's crypto/x509 reads no larger ones. */
const oid = Buffer.from('698384ecc759', 'hex');
/** 2.25.8154736251943, of earlier versions, is read as well: what it binds stays bound. */
const oids = [oid.toString('hex'), '6981edaae1a1a827'];

/** All of the extension but the fingerprint, which is always of the same length. */
const beforeNodeKey = Buffer.concat([
  Buffer.from([derTag.sequence, oid.length + 38]),
  writeDer(derTag.oid, oid),
  Buffer.from([derTag.octetString, 34, derTag.octetString, 32]),
]);

/** All of the name but the fingerprint: [0] with its type, and its value in another [0]. */
const beforeName = Buffer.concat([
  Buffer.from([0xa0, 77]),
  writeDer(derTag.oid, Buffer.concat([oid, Buffer.from([1])])),
  Buffer.from([0xa0, 66, 0x0c, 64]),
]);

/** The extension, DER; not critical. `nodeKey`: SHA-256 of its SubjectPublicKeyInfo, hex. */
export function nodeKeyExtension(nodeKey: string): Buffer {
  return Buffer.concat([beforeNodeKey, Buffer.from(nodeKey, 'hex')]);
}

/** The same as an otherName (lib/host-name.ts), a GeneralName in DER: this one Envoy can match. */
export function nodeKeyName(nodeKey: string): Buffer {
  return Buffer.concat([beforeName, Buffer.from(nodeKey, 'latin1')]);
}

/** The node key that a certificate (DER, from our CA) is bound to; undefined for one without. */
export function nodeKeyOf(certificate: Uint8Array): string | undefined {
  const extensions = extensionsOf(certificate);
  const value = oids.map((name) => extensions.get(name)).find((found) => found !== undefined);
  return value === undefined ? undefined : readDerOne(value, derTag.octetString).content.toString('hex');
}
