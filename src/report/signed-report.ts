// A report that is signed, and how it is verified offline: a statement of the control plane (identity/statement.ts), whose certificate has
// to have been valid when the report says that it was made.
import { readStatement, type SignedStatement, statementSpiffeId, verifyStatement } from '../identity/statement.ts';
import { CellwallError } from '../lib/errors.ts';
import { parseTrustDomain, type SpiffeId } from '../model/spiffe-id.ts';
import type { MtlsReport } from './mtls-report.ts';

export interface VerifiedReport {
  readonly report: MtlsReport;
  /** Whose key signed it. */
  readonly signer: SpiffeId;
  /** Of its certificate, hex. */
  readonly serial: string;
}

/** Of a report as text. */
const maxChars = 64 * 1024 * 1024;

/**
 * `bundle`: PEM of the roots of the trust domain, which the reader has from elsewhere. The certificate has to have been valid when the
 * report says that it was made. Throws `unauthenticated`, saying what is wrong.
 */
export function verifyReport(signed: SignedStatement, bundle: string): VerifiedReport {
  if (signed.payload.length > maxChars) throw refused('is larger than any report');
  const report = readReport(signed);
  const domain = parseTrustDomain(report.trustDomain);
  if (domain === undefined) throw refused('names no trust domain');
  const { signer, serial } = verifyStatement({ kind: 'report', signed, bundle, at: report.generatedAt });
  if (signer !== statementSpiffeId('report', domain))
    throw refused(`is signed by ${signer}, which signs no reports here`);
  return { report, signer, serial };
}

/** What is in it, unverified. Throws `unauthenticated` for what no report can be. */
export function readReport(signed: Pick<SignedStatement, 'payload'>): MtlsReport {
  const report = readStatement('report', signed);
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

function refused(why: string): CellwallError {
  return new CellwallError('unauthenticated', `the report ${why}`, {
    hint: 'have it made again: cellwall audit mtls -o json',
  });
}
