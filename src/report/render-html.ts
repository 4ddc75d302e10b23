// A signed report as one HTML file that needs nothing else: what is shown, and what is signed, in a script element that is data. Pure; the
// same report gives the same bytes, so that what is shown can be compared with what is signed.

import type { SignedStatement } from '../identity/statement.ts';
import { escapeLine } from '../lib/escape.ts';
import type { MtlsReport } from './mtls-report.ts';
import { reportSections, reportTitle, type Section, timeText } from './report-sections.ts';

const style = `
:root { color-scheme: light dark; --line: #8886; --bad: #b00020; --good: #1b6e3c; }
@media (prefers-color-scheme: dark) { :root { --bad: #ff8a80; --good: #81c995; } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
.wide { overflow-x: auto; }
h1 { font-size: 1.5rem; line-height: 1.3; }
h2 { font-size: 1.15rem; margin: 2rem 0 .4rem; }
table { border-collapse: collapse; font-size: 14px; }
th, td { text-align: left; vertical-align: top; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--line); }
td { overflow-wrap: break-word; max-width: 28rem; font-variant-numeric: tabular-nums; }
tr { break-inside: avoid; }
.insecure { color: var(--bad); font-weight: 600; }
.secure { color: var(--good); }
@media print { body { margin: 0; max-width: none; } }
`;

export const htmlBegin = '<!doctype html>';
export const htmlMark = '<script type="application/jose+json" id="signed-report">';

export function renderHtml(report: MtlsReport, signed: SignedStatement): string {
  const title = `${reportTitle} of ${report.trustDomain}, ${timeText(report.since)} to ${timeText(report.until)}`;
  // Of base64url: nothing in it ends a script element.
  const data = JSON.stringify(signed).replaceAll('<', '\\u003c');
  return [
    htmlBegin,
    '<html lang="en">',
    `<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${text(title)}</title>`,
    `<style>${style}</style></head>`,
    `<body><main><h1>${text(title)}</h1>`,
    '<p>Signed. What is shown here is true only if <code>cellwall audit verify-report</code> says so of this file.</p>',
    ...reportSections(report).map(sectionHtml),
    '</main>',
    `${htmlMark}${data}</script>`,
    '</body></html>',
    '',
  ].join('\n');
}

function sectionHtml({ title, about, heading, rows }: Section): string {
  if (rows.length === 0) return `<section><h2>${text(title)}</h2><p>${text(about)}</p></section>`;
  const named = heading.some((name) => name !== '');
  const head = named
    ? `<thead><tr>${heading.map((name) => `<th scope="col">${text(name)}</th>`).join('')}</tr></thead>`
    : '';
  const body = rows
    .map((row) => `<tr>${row.map((value, column) => cell(value, column, named)).join('')}</tr>`)
    .join('\n');
  const lead = about === '' ? '' : `<p>${text(about)}</p>`;
  const table = `<table aria-label="${text(title)}">${head}<tbody>\n${body}\n</tbody></table>`;
  return `<section><h2>${text(title)}</h2>${lead}<div class="wide" tabindex="0">${table}</div></section>`;
}

function cell(value: string, column: number, named: boolean): string {
  if (!named && column === 0) return `<th scope="row">${text(value)}</th>`;
  const state = named && column === 0 && (value === 'insecure' || value === 'secure');
  return state ? `<td class="${value}">${value}</td>` : `<td>${text(value)}</td>`;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** What others wrote stays text. */
function text(value: string): string {
  return escapeLine(value).replaceAll(/[&<>"']/g, (character) => entities[character] ?? '');
}
