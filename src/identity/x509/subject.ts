// The subject of a certificate as encoded in it: certificates below must name it byte for byte (RFC 5280 §6.1.3).
import { CellwallError } from '../../lib/errors.ts';
import { derTag, readDer, readDerOne } from './der.ts';

/** Name, DER. Throws if it is not a version 3 certificate. */
export function subjectOf(certificate: Uint8Array): Buffer {
  const [body] = readDer(readDerOne(Buffer.from(certificate), derTag.sequence).content);
  // version [0], serial, algorithm, issuer, validity, subject
  const [version, , , , , subject] = body === undefined ? [] : readDer(body.content);
  if (version?.tag === 0xa0 && subject?.tag === derTag.sequence) return subject.raw;
  throw new CellwallError('invalid_argument', 'no X.509 certificate of version 3');
}
