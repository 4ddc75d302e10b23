// All roots of a trust domain as one value (SPIFFE Trust Domain and Bundle §4): whoever verifies an SVID accepts any of them. It never
// changes; when the roots do, there is a new one with a higher sequence.
import { type KeyObject, X509Certificate } from 'node:crypto';
import { CellwallError } from '../lib/errors.ts';
import { type TrustDomain, trustDomainUri } from '../model/spiffe-id.ts';
import { derTag, readDer, readDerOne } from './x509/der.ts';
import { fromPem, toPem } from './x509/pem.ts';
import { uriSans } from './x509/uri-sans.ts';

export interface TrustBundle {
  readonly trustDomain: TrustDomain;
  /** Higher with every change of the roots, even across restarts: `spiffe_sequence` (§4.1.1). */
  readonly sequence: number;
  /** PEM, one certificate per string, each once, ordered by their bytes: the same roots give the same text, wherever they come from. */
  readonly roots: readonly string[];
  /** Those of the roots that are on their way out: what they vouch for is accepted, and renewed soon. Absent: none. */
  readonly retiring?: readonly string[];
}

/** Roots may repeat; the bundle has each once. */
export interface TrustBundleParams {
  readonly trustDomain: TrustDomain;
  /** A whole number, at least 1. */
  readonly sequence: number;
  /** PEM, one or several certificates each, in any order. */
  readonly roots: readonly string[];
  /** Those that are not among `roots` do not count. */
  readonly retiring?: readonly string[];
}

/** More than any replacement of roots needs; Envoy and every client read them at each handshake. */
export const maxRoots = 16;

/**
 * Throws `invalid_argument` for anything that is not a CA certificate, for a root that names another trust domain (X509-SVID §2; one that
 * names none may belong to a CA that does not know SPIFFE), for one whose key is weak or that not every reader of bundles can read, for an
 * empty list, and for more than `maxRoots`.
 */
export function createTrustBundle({ trustDomain, sequence, roots, retiring = [] }: TrustBundleParams): TrustBundle {
  if (!Number.isSafeInteger(sequence) || sequence < 1) {
    throw new CellwallError('invalid_argument', `${sequence} is not the sequence of a trust bundle`);
  }
  const distinct = [
    ...new Set(roots.flatMap((text) => fromPem(text, 'CERTIFICATE').map((der) => rootPem(der, trustDomain)))),
  ].sort();
  if (distinct.length === 0) throw new CellwallError('invalid_argument', 'a trust bundle has one root at least');
  if (distinct.length > maxRoots) {
    throw new CellwallError('invalid_argument', `a trust bundle of ${distinct.length} roots: ${maxRoots} at most`, {
      hint: 'take out the roots that no certificate in use was issued under',
    });
  }
  const leaving = distinct.filter((root) => retiring.includes(root));
  const frozen = { trustDomain, sequence, roots: Object.freeze(distinct) };
  return Object.freeze(leaving.length === 0 ? frozen : { ...frozen, retiring: Object.freeze(leaving) });
}

/** The roots that stay: what they do not vouch for is to be renewed. */
export function stayingRoots({ roots, retiring = [] }: Pick<TrustBundle, 'roots' | 'retiring'>): readonly string[] {
  return roots.filter((root) => !retiring.includes(root));
}

/** All roots as one PEM text. */
export function bundlePem({ roots }: Pick<TrustBundle, 'roots'>): string {
  return roots.join('');
}

function rootPem(der: Buffer, trustDomain: TrustDomain): string {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(der);
  } catch (cause) {
    throw new CellwallError('invalid_argument', 'a root certificate cannot be read', { cause });
  }
  if (!certificate.ca) {
    throw new CellwallError('invalid_argument', 'a root certificate is not one of a CA', {
      hint: 'name the CA (basicConstraints CA:TRUE), not a certificate that it signed',
    });
  }
  const other = uriSans(certificate.raw).find((uri) => /^spiffe:/i.test(uri) && uri !== trustDomainUri(trustDomain));
  if (other !== undefined) {
    throw new CellwallError('invalid_argument', `a root certificate is that of ${other}`, {
      hint: `the roots of ${trustDomainUri(trustDomain)} vouch for that trust domain alone`,
    });
  }
  if (!isUsable(certificate)) {
    throw new CellwallError(
      'invalid_argument',
      'a root certificate has a key that is weak, or that Envoy does not know',
      {
        hint: 'its key is RSA of at least 2048 bits, P-256, P-384, P-521 or Ed25519',
      },
    );
  }
  if (!isStrict(certificate.raw)) {
    throw new CellwallError('invalid_argument', 'a root certificate is not written as RFC 5280 requires', {
      hint: 'it is of version 3, with its dates in UTC and in full (YYMMDDHHMMSSZ); Envoy would refuse the whole bundle',
    });
  }
  return toPem(certificate.raw, 'CERTIFICATE');
}

const curves: readonly (string | undefined)[] = ['prime256v1', 'secp384r1', 'secp521r1'];

/** Whoever breaks one root's key can be any workload; and a JWK Set (spiffe-bundle.ts) cannot hold every kind. */
function isUsable(certificate: X509Certificate): boolean {
  let key: KeyObject;
  try {
    key = certificate.publicKey;
  } catch {
    return false;
  }
  const { asymmetricKeyType: type, asymmetricKeyDetails: { modulusLength = 0, namedCurve } = {} } = key;
  if (type === 'rsa') return modulusLength >= 2048;
  return type === 'ed25519' || (type === 'ec' && curves.includes(namedCurve));
}

/** What OpenSSL reads and Envoy does not: it would refuse the bundle with all its roots, and a new proxy could not start. */
function isStrict(der: Buffer): boolean {
  const [body] = readDer(readDerOne(der, derTag.sequence).content);
  const [version, , , , validity] = body === undefined ? [] : readDer(body.content);
  if (version?.raw.toString('hex') !== 'a003020102' || validity === undefined) return false;
  // RFC 5280 §4.1.2.5: UTCTime, or GeneralizedTime.
  return readDer(validity.content).every(({ tag, content }) => {
    const digits = tag === 0x17 ? 12 : 14;
    return (tag === 0x17 || tag === 0x18) && content.length === digits + 1 && /^\d+Z$/.test(content.toString('latin1'));
  });
}
