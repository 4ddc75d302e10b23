// A report that is signed, and how it is verified offline: a JWS (RFC 7515 §7.2.2, flattened) whose key is that of an X.509-SVID of the
// control plane for nothing but reports. Its chain is in the header (`x5c`), and leads to a root of the trust domain.
import { sign, verify } from 'node:crypto';
import type { Svid } from '../identity/svid.ts';
import { fromPem, toPem } from '../identity/x509/pem.ts';
import { spiffeIdOf, verifyChain } from '../identity/x509/verify-svid.ts';
import { CellwallError } from '../lib/errors.ts';
import { parseTrustDomain, type SpiffeId, type TrustDomain, trustDomainUri } from '../model/spiffe-id.ts';
import type { MtlsReport } from './mtls-report.ts';

export interface SignedReport {
  readonly protected: string;
  readonly payload: string;
  readonly signature: string;
}

export interface VerifiedReport {
  readonly report: MtlsReport;
  /** Whose key signed it. */
  readonly signer: SpiffeId;
  /** Of its certificate, hex. */
  readonly serial: string;
}

/** What signs reports, and nothing else. No document gives it to anybody: whatever is under `cellwall/` is reserved. */
export function reportSpiffeId(domain: TrustDomain): SpiffeId {
  return `${trustDomainUri(domain)}/cellwall/report` as SpiffeId;
}

const typ = 'cellwall-report+jws';
const maxChain = 4;
/** Of a report as text. */
const maxChars = 64 * 1024 * 1024;
const ecdsa = 'ieee-p1363';

/** Throws if the certificate came without its key. */
export function signReport(report: MtlsReport, { chain, key }: Pick<Svid, 'chain' | 'key'>): SignedReport {
  if (key === undefined) throw new CellwallError('internal', 'the certificate for reports has no key');
  const x5c = fromPem(chain, 'CERTIFICATE', maxChain).map((der) => der.toString('base64'));
  const header = base64url(JSON.stringify({ alg: 'ES256', typ, x5c }));
  const payload = base64url(JSON.stringify(report));
  const signature = sign('sha256', Buffer.from(`${header}.${payload}`), { key: key.reveal(), dsaEncoding: ecdsa });
  return { protected: header, payload, signature: signature.toString('base64url') };
}

/**
 * `bundle`: PEM of the roots of the trust domain, which the reader has from elsewhere. The certificate has to have been valid when the
 * report says that it was made. Throws `unauthenticated`, saying what is wrong.
 */
export function verifyReport(signed: SignedReport, bundle: string): VerifiedReport {
  if (signed.payload.length > maxChars) throw refused('is larger than any report');
  const { alg, typ: type, x5c, ...more } = objectIn(signed.protected, 'header');
  if (alg !== 'ES256' || type !== typ || Object.keys(more).length > 0) throw refused('is not signed as reports are');
  const certificates: readonly unknown[] = Array.isArray(x5c) ? x5c : [];
  if (certificates.length === 0 || certificates.length > maxChain) throw refused('comes with no chain of certificates');
  const chain = certificates.map((one) => {
    if (typeof one !== 'string') throw refused('comes with a certificate that cannot be read');
    return toPem(Buffer.from(one, 'base64'), 'CERTIFICATE');
  });
  const report = readReport(signed);
  const domain = parseTrustDomain(report.trustDomain);
  if (domain === undefined) throw refused('names no trust domain');
  const { leaf } = verifyChain({ chain: chain.join(''), bundle, now: report.generatedAt });
  const signer = spiffeIdOf(leaf.raw, domain);
  if (signer !== reportSpiffeId(domain)) throw refused(`is signed by ${signer}, which signs no reports`);
  const bytes = Buffer.from(`${signed.protected}.${signed.payload}`);
  const key = { key: leaf.publicKey, dsaEncoding: ecdsa } as const;
  if (!isBase64url(signed.signature)) throw refused('has a signature that is no base64url');
  const curve = leaf.publicKey.asymmetricKeyDetails?.namedCurve;
  if (curve !== 'prime256v1' || !verify('sha256', bytes, key, Buffer.from(signed.signature, 'base64url'))) {
    throw refused('was changed after it was signed, or was not signed with the key of its certificate');
  }
  return { report, signer, serial: leaf.serialNumber.toLowerCase() };
}

/** What is in it, unverified. Throws `unauthenticated` for what no report can be. */
export function readReport({ payload }: Pick<SignedReport, 'payload'>): MtlsReport {
  const report = objectIn(payload, 'content');
  if (!isReport(report)) throw refused('has no content that this version knows');
  return report;
}

/** What is signed vouches for the rest of its form. */
function isReport(value: object): value is MtlsReport {
  if (!('kind' in value) || value.kind !== 'mtls-coverage' || !('version' in value) || value.version !== 1)
    return false;
  if (!('trustDomain' in value) || typeof value.trustDomain !== 'string') return false;
  return 'generatedAt' in value && typeof value.generatedAt === 'number';
}

function objectIn(text: string, what: string): { readonly [name: string]: unknown } {
  if (!isBase64url(text)) throw refused(`has a ${what} that is no base64url`);
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // Below.
  }
  throw refused(`has a ${what} that cannot be read`);
}

/** In the one way in which it is written: no bit of it is unread. */
function isBase64url(text: string): boolean {
  return text !== '' && Buffer.from(text, 'base64url').toString('base64url') === text;
}

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url');
}

function refused(why: string): CellwallError {
  return new CellwallError('unauthenticated', `the report ${why}`, {
    hint: 'have it made again: cellwall audit mtls -o json',
  });
}
