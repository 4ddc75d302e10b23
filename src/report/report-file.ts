// Reports as files: in what form, and whether what a file shows is what is signed in it. What is signed is shown again, in the same form,
// and has to give the same bytes. Pure.
import type { SignedStatement } from '../identity/statement.ts';
import { CellwallError } from '../lib/errors.ts';
import { escapeJson } from '../lib/escape.ts';
import type { MtlsReport } from './mtls-report.ts';
import { csvBegin, csvMark, renderCsv } from './render-csv.ts';
import { htmlBegin, htmlMark, renderHtml } from './render-html.ts';
import { pdfBegin, pdfEnd, pdfMark, renderPdf } from './render-pdf.ts';
import { readReport, type VerifiedReport, verifyReport } from './signed-report.ts';

export const reportFormats = ['csv', 'html', 'pdf'] as const;
export type ReportFormat = (typeof reportFormats)[number];

/** As `-o json` prints it: to be read, and what is signed. */
export interface ReportFile {
  readonly report: MtlsReport;
  readonly signed: SignedStatement;
}

export function reportFileOf(signed: SignedStatement): ReportFile {
  return { report: readReport(signed), signed };
}

export function renderReport({ report, signed }: ReportFile, format: ReportFormat): string {
  switch (format) {
    case 'csv':
      return renderCsv(report, signed);
    case 'html':
      return renderHtml(report, signed);
    case 'pdf':
      return renderPdf(report, signed);
    default:
      return format satisfies never;
  }
}

/**
 * `content`: of a file in any of the forms; hostile. `bundle`: PEM of the roots that were trusted when it was made. Throws
 * `unauthenticated`, saying what is wrong, unless all that it shows is signed.
 */
export function verifyReportFile(content: string, bundle: string): VerifiedReport & { readonly file: ReportFile } {
  const { format, signed } = signedIn(content);
  const verified = verifyReport(signed, bundle);
  const file = { report: verified.report, signed };
  const same = format === 'json' ? isShown(content, file) : renderReport(file, format) === content;
  if (same) return { ...verified, file };
  throw new CellwallError('unauthenticated', 'what the report shows is not what is signed in it', {
    hint: `it was changed; or it was made by another version (${file.report.madeBy}): verify it with that one`,
  });
}

/** As the command prints it, or as the admin API answers: another text may have a member twice, of which readers take one or the other. */
function isShown(content: string, file: ReportFile): boolean {
  return [JSON.stringify(file), escapeJson(JSON.stringify(file, null, 2))].includes(content.replace(/\n$/, ''));
}

/** What is signed in a file, before anything is verified. */
function signedIn(content: string): { readonly format: ReportFormat | 'json'; readonly signed: SignedStatement } {
  if (content.startsWith(htmlBegin))
    return { format: 'html', signed: signedOf(between(content, htmlMark, '</script>')) };
  if (content.startsWith(pdfBegin)) {
    const from = content.indexOf(pdfMark);
    return { format: 'pdf', signed: signedOf(from < 0 ? '' : between(content.slice(from), 'stream\n', pdfEnd)) };
  }
  if (content.startsWith(csvBegin)) {
    const [header = '', payload = '', signature = ''] = between(content, csvMark, '\r\n').split('.');
    return { format: 'csv', signed: { protected: header, payload, signature } };
  }
  return { format: 'json', signed: signedOf(JSON.stringify(readJson(content)['signed'] ?? null)) };
}

function between(text: string, begin: string, end: string): string {
  const from = text.indexOf(begin);
  const to = text.indexOf(end, from + begin.length);
  return from < 0 || to < 0 ? '' : text.slice(from + begin.length, to);
}

function signedOf(text: string): SignedStatement {
  const { protected: header, payload, signature } = readJson(text);
  if (typeof header === 'string' && typeof payload === 'string' && typeof signature === 'string') {
    return { protected: header, payload, signature };
  }
  throw noReport();
}

function readJson(text: string): { readonly [name: string]: unknown } {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // Below.
  }
  throw noReport();
}

function noReport(): CellwallError {
  return new CellwallError('invalid_argument', 'this is no report of cellwall', {
    hint: 'give a file that "cellwall audit mtls -o json" (or csv, html, pdf) printed',
  });
}
