// Which public keys are certified: P-256, P-384, RSA of 2048 to 8192 bits. Everything else is refused.
import type { KeyObject } from 'node:crypto';
import { CellwallError } from '../../lib/errors.ts';
import { derTag, readDer, readDerOne } from './der.ts';
import { isP256, spkiOf } from './public-key.ts';

/** P-256 and P-384, as OIDs in hex. */
const curves: readonly string[] = ['2a8648ce3d030107', '2b81040022'];

/** Throws unless `key` is a public key that may be certified. DER is that of a P-256 key created here, whose point is not checked. */
export function checkSubjectKey(key: KeyObject | Uint8Array): void {
  if (key instanceof Uint8Array) {
    if (isP256(key)) return;
    throw refused('public');
  }
  if (key.type === 'public' && isP256(spkiOf(key))) return;
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === 'ec' && curves.includes(curveOf(key))) return;
  const bits = details?.modulusLength ?? 0;
  const exponent = details?.publicExponent ?? 0n;
  if (type === 'rsa' && bits >= 2048 && bits <= 8192 && exponent >= 65_537n && exponent < 1n << 32n) return;
  throw refused(type ?? 'non-public');
}

function refused(type: string): CellwallError {
  return new CellwallError('invalid_argument', `a ${type} key of this kind is not certified`, {
    hint: 'use a P-256 key (or P-384, or RSA of 2048 to 8192 bits)',
  });
}

/** The curve's OID in hex, empty for one given by explicit parameters: these may be almost P-256 (CVE-2020-0601). */
function curveOf(key: KeyObject): string {
  const [algorithm] = readDer(readDerOne(spkiOf(key), derTag.sequence).content);
  const [, curve] = algorithm === undefined ? [] : readDer(algorithm.content);
  return curve?.tag === derTag.oid ? curve.content.toString('hex') : '';
}
