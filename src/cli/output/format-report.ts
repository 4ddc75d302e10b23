// A report of mTLS coverage on a terminal. Pure.
import type { MtlsReport } from '../../report/mtls-report.ts';
import { reportSections } from '../../report/report-sections.ts';
import type { VerifiedReport } from '../../report/signed-report.ts';
import { formatFields, formatTable } from './table.ts';
import { isoTime } from './time.ts';

/** Without what explains itself, or is in the documentation. */
export function formatReport(report: MtlsReport): string {
  const [summary, ...sections] = reportSections(report);
  const fields = (summary?.rows ?? []).map(([name = '', value = '']) => [name, value] as const);
  const tables = sections
    .filter(({ heading, rows }) => rows.length > 0 && heading.some((name) => name !== ''))
    .map(({ title, heading, rows }) => `${title.toUpperCase()}\n${formatTable(heading, rows)}`);
  return [formatFields(fields), ...tables].join('\n');
}

/**
 * Who vouches for it, by which certificate, and when it says that it was made: that can only be within the certificate's dates, of which
 * `verifyReport` made sure.
 */
export function formatSigner({ report, signer, serial }: VerifiedReport): string {
  const who = `verified: signed by ${signer}`;
  // The certificate bounds the time, which the report says.
  const when = `certificate ${serial}, at ${isoTime(report.generatedAt)}`;
  return `${who}\n${when}\n`;
}
