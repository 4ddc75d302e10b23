// A PKCS#10 request (RFC 2986) for a P-256 key, written by hand: empty subject, no attributes. The control plane uses only its public key,
// and the self-signature as proof of possession.
import { createPublicKey, type KeyObject, sign } from 'node:crypto';
import { derTag, writeDer } from './der.ts';
import { toPem } from './pem.ts';

const ecdsaWithSha256 = Buffer.from('2a8648ce3d040302', 'hex');

/** PEM. `privateKey` must be P-256. */
export function createCsr(privateKey: KeyObject): string {
  const publicKey = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  const version = writeDer(derTag.integer, Buffer.from([0]));
  const info = writeDer(derTag.sequence, version, writeDer(derTag.sequence), publicKey, writeDer(0xa0));
  const signature = Buffer.concat([Buffer.from([0]), sign('sha256', info, privateKey)]);
  const algorithm = writeDer(derTag.sequence, writeDer(derTag.oid, ecdsaWithSha256));
  return toPem(
    writeDer(derTag.sequence, info, algorithm, writeDer(derTag.bitString, signature)),
    'CERTIFICATE REQUEST',
  );
}
