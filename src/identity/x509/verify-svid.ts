// Verifies a presented X.509-SVID chain against the trust domain's roots (X509-SVID §5.2): signatures, dates, CA flags, and
// exactly one URI SAN.
import { X509Certificate } from 'node:crypto';
import { CellwallError } from '../../lib/errors.ts';
import { parseSpiffeId, type SpiffeId, type TrustDomain, trustDomainOf } from '../../model/spiffe-id.ts';
import { fromPem } from './pem.ts';
import { uriSans } from './uri-sans.ts';

export interface VerifiedSvid {
  readonly spiffeId: SpiffeId;
  readonly leaf: X509Certificate;
  /** What is between it and the root, as presented. */
  readonly issuers: readonly X509Certificate[];
}

export interface VerifySvidParams {
  /** PEM, leaf first. Hostile. */
  readonly chain: string;
  /** PEM of the roots. */
  readonly bundle: string;
  readonly trustDomain: TrustDomain;
  /** Epoch milliseconds. */
  readonly now: number;
}

const maxChain = 4;

/** Throws `unauthenticated` unless the chain is a valid SVID of the trust domain now. */
export function verifySvid({ chain, bundle, trustDomain, now }: VerifySvidParams): VerifiedSvid {
  const { leaf, issuers } = verifyChain({ chain, bundle, now });
  return { spiffeId: spiffeIdOf(leaf.raw, trustDomain), leaf, issuers };
}

/** Throws `unauthenticated` unless the chain leads from a certificate that is no CA to one of the roots now. */
export function verifyChain({
  chain,
  bundle,
  now,
}: Omit<VerifySvidParams, 'trustDomain'>): Omit<VerifiedSvid, 'spiffeId'> {
  const [leaf, ...issuers] = fromPem(chain, 'CERTIFICATE', maxChain).map(readCertificate);
  if (leaf === undefined) throw refused('is empty');
  if (leaf.ca) throw refused('begins with a CA');
  const roots = fromPem(bundle, 'CERTIFICATE').map(readCertificate);
  let child = leaf;
  for (const issuer of issuers) {
    if (!issued(issuer, child)) throw refused('is not in order');
    checkDates(child, now);
    child = issuer;
  }
  checkDates(child, now);
  const root = roots.find((candidate) => issued(candidate, child));
  if (root === undefined) throw refused('does not lead to a root that is trusted here');
  checkDates(root, now);
  return { leaf, issuers };
}

/** The one SPIFFE ID that a leaf names. Throws unless there is exactly one URI SAN, and it is in the trust domain. */
export function spiffeIdOf(certificate: Uint8Array, trustDomain: TrustDomain): SpiffeId {
  const spiffeId = anySpiffeIdOf(certificate);
  if (trustDomainOf(spiffeId) !== trustDomain) throw refused('is of another trust domain');
  return spiffeId;
}

/** The same, of any trust domain. */
export function anySpiffeIdOf(certificate: Uint8Array): SpiffeId {
  const [uri, ...others] = uriSans(certificate);
  const spiffeId = uri === undefined || others.length > 0 ? undefined : parseSpiffeId(uri);
  if (spiffeId === undefined) throw refused('does not have exactly one URI SAN that is a SPIFFE ID');
  return spiffeId;
}

function issued(issuer: X509Certificate, child: X509Certificate): boolean {
  return issuer.ca && child.checkIssued(issuer) && child.verify(issuer.publicKey);
}

function checkDates({ validFromDate, validToDate }: X509Certificate, now: number): void {
  if (validFromDate.getTime() > now) throw refused('is not valid yet');
  if (validToDate.getTime() <= now) throw refused('has ended');
}

function readCertificate(der: Buffer): X509Certificate {
  try {
    return new X509Certificate(der);
  } catch (cause) {
    throw new CellwallError('invalid_argument', 'a certificate in the chain cannot be read', { cause });
  }
}

function refused(why: string): CellwallError {
  return new CellwallError('unauthenticated', `the certificate ${why}`, {
    hint: 'attest again, with the node key or a new join token',
  });
}
