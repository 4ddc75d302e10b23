// A signed report as a PDF (ISO 32000-1): text in the fonts that every reader has, and what is signed as an attached file. Pure ASCII; the
// same report gives the same bytes.

import type { SignedStatement } from '../identity/statement.ts';
import { defined } from '../lib/defined.ts';
import type { MtlsReport } from './mtls-report.ts';
import { reportSections, reportTitle, type Section, timeText } from './report-sections.ts';

/** A4 across, in points. */
const [width, height, margin] = [842, 595, 36];
const [size, leading] = [8, 10.5];
/** A character of Courier is 0.6 of its size wide. */
const columns = Math.floor((width - 2 * margin) / (size * 0.6));
const linesOfPage = Math.floor((height - 2 * margin) / leading) - 1;
const gap = 2;

export const pdfBegin = '%PDF-1.7\n';
export const [pdfMark, pdfEnd] = ['/Type /EmbeddedFile', '\nendstream'];

interface Line {
  readonly text: string;
  readonly bold?: true;
  /** The heading of its table, which a page that begins with this line begins with. */
  readonly under?: Line;
}

export function renderPdf(report: MtlsReport, signed: SignedStatement): string {
  const title = `${reportTitle} of ${report.trustDomain}, ${timeText(report.since)} to ${timeText(report.until)}`;
  const lines: readonly Line[] = [
    { text: title, bold: true },
    { text: 'Signed. What is shown here is true only if "cellwall audit verify-report" says so of this file.' },
    ...reportSections(report).flatMap(sectionLines),
  ];
  const pages = pagesOf(lines);
  const fixed = 7;
  const pageAt = (page: number): number => fixed + 1 + 2 * page;
  const data = JSON.stringify(signed);
  return written([
    '<< /Type /Catalog /Pages 2 0 R /Lang (en) /Names << /EmbeddedFiles << /Names [(report.json) 7 0 R] >> >> >>',
    `<< /Type /Pages /Count ${pages.length} /Kids [${pages.map((_, page) => `${pageAt(page)} 0 R`).join(' ')}] >>`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Courier >>',
    '<< /Type /Font /Subtype /Type1 /BaseFont /Courier-Bold >>',
    `<< /Title (${escaped(title)}) /Producer (${escaped(report.madeBy)}) /CreationDate (${dateText(report.generatedAt)}) >>`,
    stream(data, `${pdfMark} /Subtype /application#2Fjson`),
    '<< /Type /Filespec /F (report.json) /UF (report.json) /Desc (What is signed) /EF << /F 6 0 R >> >>',
    ...pages.flatMap((page, number) => [
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 ${width} ${height}] /Contents ${pageAt(number) + 1} 0 R ` +
        '/Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> >>',
      stream(contentOf(page, `${reportTitle}, page ${number + 1} of ${pages.length}`)),
    ]),
  ]);
}

function pagesOf(lines: readonly Line[]): readonly (readonly Line[])[] {
  const pages: Line[][] = [];
  for (const line of lines) {
    const page = pages.at(-1);
    if (page !== undefined && page.length < linesOfPage) page.push(line);
    else pages.push(line.under === undefined ? [line] : [line.under, line]);
  }
  return pages;
}

function sectionLines({ title, about, heading, rows }: Section): readonly Line[] {
  const named = heading.some((name) => name !== '');
  const table = named ? [heading, ...rows] : rows;
  const widths = fitted(
    heading.map((_, column) => Math.max(...table.map((row) => ascii(row[column] ?? '').length), 1)),
  );
  const textsOf = (row: readonly string[]): readonly string[] => {
    const cells = widths.map((room, column) => wrapped(ascii(row[column] ?? ''), room));
    const tallest = Math.max(...cells.map((cell) => cell.length));
    return Array.from({ length: tallest }, (_, at) =>
      cells
        .map((cell, column) => (cell[at] ?? '').padEnd(widths[column] ?? 0))
        .join(' '.repeat(gap))
        .trimEnd(),
    );
  };
  const [head = '', ...more] = named && rows.length > 0 ? textsOf(heading) : [];
  const headLines = head === '' ? [] : [head, ...more].map((text): Line => ({ text, bold: true }));
  const [under] = headLines.length === 1 ? headLines : [];
  return [
    { text: '' },
    { text: title, bold: true },
    ...(about === '' ? [] : [{ text: about }]),
    ...headLines,
    ...rows.flatMap(textsOf).map((text): Line => ({ text, ...defined({ under }) })),
  ];
}

/** The widest give way until all fit. */
function fitted(wanted: readonly number[]): readonly number[] {
  const room = columns - gap * (wanted.length - 1);
  const sum = (limit: number): number => wanted.reduce((all, one) => all + Math.min(one, limit), 0);
  let limit = Math.max(...wanted);
  while (sum(limit) > room && limit > 1) limit -= 1;
  return wanted.map((one) => Math.min(one, limit));
}

function wrapped(text: string, room: number): readonly string[] {
  const parts: string[] = [];
  for (let rest = text; rest !== ''; ) {
    const space = rest.length > room ? rest.lastIndexOf(' ', room) : -1;
    const end = space > room / 2 ? space : room;
    parts.push(rest.slice(0, end));
    rest = rest.slice(end).trimStart();
  }
  return parts.length === 0 ? [''] : parts;
}

function contentOf(lines: readonly Line[], footer: string): string {
  const shown = lines.flatMap(({ text, bold }) => [
    `/F${bold === true ? 2 : 1} ${size} Tf`,
    `(${escaped(text)}) Tj T*`,
  ]);
  return [
    ...['BT', `${leading} TL`, `${margin} ${height - margin - size} Td`, ...shown, 'ET'],
    ...['BT', `/F1 ${size} Tf`, `${margin} ${margin - leading} Td`, `(${escaped(footer)}) Tj`, 'ET'],
  ].join('\n');
}

/** Numbered from 1; the first is the catalog, the fifth says what the document is. */
function written(objects: readonly string[]): string {
  const parts: string[] = [pdfBegin];
  const offsets: number[] = [];
  let at = pdfBegin.length;
  for (const [index, object] of objects.entries()) {
    const part = `${index + 1} 0 obj\n${object}\nendobj\n`;
    offsets.push(at);
    parts.push(part);
    at += part.length;
  }
  const table = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('');
  const count = objects.length + 1;
  const trailer = `trailer\n<< /Size ${count} /Root 1 0 R /Info 5 0 R >>\nstartxref\n${at}\n%%EOF\n`;
  return `${parts.join('')}xref\n0 ${count}\n0000000000 65535 f \n${table}${trailer}`;
}

function stream(data: string, entries = ''): string {
  return `<< ${entries} /Length ${data.length} >>\nstream\n${data}\nendstream`;
}

function escaped(text: string): string {
  return ascii(text).replaceAll(/[\\()]/g, '\\$&');
}

/** The fonts have no more; what others wrote moves nothing. */
function ascii(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

function dateText(at: number): string {
  return `D:${new Date(at).toISOString().replaceAll(/[-:T]|\.\d+/g, '')}`;
}
