// Which public keys are certified: P-256, P-384, RSA of 2048 to 8192 bits. Everything else is refused.
import type { KeyObject } from 'node:crypto';
import { CellwallError } from '../lib/errors.ts';

const curves: readonly string[] = ['prime256v1', 'secp384r1'];

/** Throws unless `key` is a public key that may be certified. */
export function checkSubjectKey(key: KeyObject): void {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  // A curve given by explicit parameters has no name, and is refused with the odd ones (CVE-2020-0601).
  if (type === 'ec' && curves.includes(details?.namedCurve ?? '')) return;
  const bits = details?.modulusLength ?? 0;
  const exponent = details?.publicExponent ?? 0n;
  if (type === 'rsa' && bits >= 2048 && bits <= 8192 && exponent >= 65_537n && exponent < 1n << 32n) return;
  throw new CellwallError('invalid_argument', `a ${type ?? 'non-public'} key of this kind is not certified`, {
    hint: 'use a P-256 key (or P-384, or RSA of 2048 to 8192 bits)',
  });
}
