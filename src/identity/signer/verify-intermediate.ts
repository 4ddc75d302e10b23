// Whether an intermediate may sign leaves of the trust domain: a CA backend's answer is trusted no more than any other external input, and
// what is on the disk may belong to roots that are gone.
import { type KeyObject, X509Certificate } from 'node:crypto';
import { CellwallError } from '../../lib/errors.ts';
import { type TrustDomain, trustDomainUri } from '../../model/spiffe-id.ts';
import { caLimits } from '../x509/extensions.ts';
import { fromPem, toPem } from '../x509/pem.ts';
import { uriSans } from '../x509/uri-sans.ts';

export interface IntermediateCheck {
  /** PEM, the intermediate first. */
  readonly chain: string;
  /** PEM, one or several certificates each. */
  readonly roots: readonly string[];
  /** The key that it must certify. Absent: any. */
  readonly publicKey?: KeyObject;
  readonly trustDomain: TrustDomain;
  /** Epoch milliseconds. */
  readonly now: number;
}

export interface VerifiedIntermediate {
  /** PEM, without the root. */
  readonly chain: string;
  /** The earliest expiry on the way to the root, including the root's. */
  readonly notAfter: Date;
  /** The one that vouches for it, DER. */
  readonly root: Uint8Array;
}

/** Together with a leaf, as many as `verifySvid` and every other reader of chains accepts. */
const maxIntermediates = 3;

/** Throws `failed_precondition`, saying what is wrong. RFC 5280 §6.1, X509-SVID §4. */
export function verifyIntermediate(check: IntermediateCheck): VerifiedIntermediate {
  const { chain, publicKey, trustDomain, now } = check;
  const roots = check.roots.flatMap((pem) => fromPem(pem, 'CERTIFICATE').map(read));
  const certificates = fromPem(chain, 'CERTIFICATE').map(read);
  // Backends may append the root to the chain: it is known already.
  while (roots.some(({ raw }) => certificates.at(-1)?.raw.equals(raw))) certificates.pop();
  const [first] = certificates;
  if (first === undefined) throw refused('is a root');
  if (certificates.length > maxIntermediates) throw refused(`is ${certificates.length} steps below its root`);
  if (publicKey !== undefined && !first.publicKey.equals(publicKey)) throw refused('is of another key');
  const last = certificates.at(-1) ?? first;
  const root = roots.find((candidate) => issued(candidate, last));
  if (root === undefined) throw refused('leads to none of the roots');
  for (const [below, certificate] of [...certificates, root].entries()) {
    const { validFromDate: from, validToDate: to } = certificate;
    if (from.getTime() > now) throw refused(`is not valid before ${from.toISOString()}`);
    if (to.getTime() <= now) throw refused(`ended on ${to.toISOString()}, or its root did`);
    const { pathLength, signs } = caLimits(certificate.raw);
    if (!certificate.ca || !signs) throw refused('may sign no certificates');
    // How many are below it, not counting the leaf: 0 for the intermediate itself.
    if (pathLength !== undefined && pathLength < below) {
      throw refused(`has an issuer that allows ${pathLength} intermediates below it (pathLenConstraint)`);
    }
    const issuer = certificate === root ? undefined : (certificates[below + 1] ?? root);
    if (issuer !== undefined && !issued(issuer, certificate)) throw refused('comes with a chain that is out of order');
    for (const uri of uriSans(certificate.raw)) {
      if (uri.startsWith('spiffe:') && uri !== trustDomainUri(trustDomain)) throw refused(`is that of ${uri}`);
    }
  }
  const ends = [...certificates, root].map(({ validToDate }) => validToDate.getTime());
  return {
    chain: certificates.map(({ raw }) => toPem(raw, 'CERTIFICATE')).join(''),
    notAfter: new Date(Math.min(...ends)),
    root: root.raw,
  };
}

function issued(issuer: X509Certificate, child: X509Certificate): boolean {
  return child.checkIssued(issuer) && child.verify(issuer.publicKey);
}

function read(der: Buffer): X509Certificate {
  try {
    return new X509Certificate(der);
  } catch (cause) {
    throw new CellwallError('failed_precondition', 'a certificate of the CA cannot be read', { cause });
  }
}

function refused(why: string): CellwallError {
  return new CellwallError('failed_precondition', `the intermediate ${why}`, {
    hint: 'the CA has to certify an intermediate (CA:TRUE, keyCertSign) that one of its roots vouches for',
  });
}
