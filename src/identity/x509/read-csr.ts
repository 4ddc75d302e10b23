// Takes the public key from a hostile PKCS#10 request, and nothing else: names and extensions in it are ignored, because identity comes
// only from attestation.
import { type KeyObject, verify } from 'node:crypto';
import { CellwallError } from '../../lib/errors.ts';
import { derTag, readDer, readDerOne } from './der.ts';
import { fromPem } from './pem.ts';
import { readPublicKey } from './public-key.ts';
import { checkSubjectKey } from './subject-key.ts';

/** Signature algorithm (OID, hex) → key type and hash. */
const algorithms: Readonly<Record<string, { readonly type: string; readonly hash: string }>> = {
  '2a8648ce3d040302': { type: 'ec', hash: 'sha256' },
  '2a8648ce3d040303': { type: 'ec', hash: 'sha384' },
  '2a864886f70d01010b': { type: 'rsa', hash: 'sha256' },
  '2a864886f70d01010c': { type: 'rsa', hash: 'sha384' },
  '2a864886f70d01010d': { type: 'rsa', hash: 'sha512' },
};

/** Its self-signature was verified. */
export interface CertificateRequest {
  readonly publicKey: KeyObject;
  readonly der: Buffer;
}

/** The request's key, once its self-signature proves possession. */
export function readCsr(pem: string): CertificateRequest {
  const [der] = fromPem(pem, 'CERTIFICATE REQUEST', 1);
  if (der === undefined) throw refused('is empty');
  const [info, algorithm, signature, ...others] = readDer(readDerOne(der, derTag.sequence).content);
  const [name] = algorithm?.tag === derTag.sequence ? readDer(algorithm.content) : [];
  if (
    info?.tag !== derTag.sequence ||
    name?.tag !== derTag.oid ||
    signature?.tag !== derTag.bitString ||
    others.length > 0
  ) {
    throw refused('is malformed');
  }
  const [, , spki] = readDer(info.content);
  if (spki?.tag !== derTag.sequence) throw refused('has no public key');
  const publicKey = readPublicKey(spki.raw);
  checkSubjectKey(publicKey);
  const known = algorithms[name.content.toString('hex')];
  if (known === undefined || known.type !== publicKey.asymmetricKeyType) throw refused('uses a signature not accepted');
  // The first octet of a BIT STRING counts unused bits: none in a signature.
  if (signature.content[0] !== 0 || !verify(known.hash, info.raw, publicKey, signature.content.subarray(1))) {
    throw refused("is not signed by its own key's holder");
  }
  return { publicKey, der };
}

function refused(why: string): CellwallError {
  return new CellwallError('invalid_argument', `the certificate request ${why}`, {
    hint: 'make a new PKCS#10 request, for instance: openssl req -new -key key.pem -subj /',
  });
}
