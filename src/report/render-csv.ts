// A signed report as one table for spreadsheets (RFC 4180): each row says what it is; the last one is what is signed. Pure.

import type { SignedStatement } from '../identity/statement.ts';
import { escapeLine } from '../lib/escape.ts';
import { type MtlsReport, portText } from './mtls-report.ts';
import { timeText } from './report-sections.ts';

const heading = ['row', 'service', 'caller', 'connected', 'state', 'calls', 'denied', 'from', 'to', 'detail'] as const;
type Cells = Partial<Record<(typeof heading)[number], string | number>>;

export const csvBegin = heading.join(',');
export const csvMark = 'signature,,,,,,,,,';

export function renderCsv(report: MtlsReport, { protected: header, payload, signature }: SignedStatement): string {
  const { trustDomain, since, until, revision, madeBy, totals, edges, anonymous, unknown, handshakes } = report;
  const rows: readonly Cells[] = [
    {
      ...{ row: 'report', service: trustDomain, calls: totals.calls, denied: totals.denied },
      ...{ from: timeText(since), to: timeText(until), detail: `documents: revision ${revision}; ${madeBy}` },
    },
    ...edges.map(({ service, port, caller, connected, state, calls, denied, lastSeen, declared, mode }) => ({
      ...{
        row: 'edge',
        service: portText(service, port),
        caller,
        connected,
        state,
        calls,
        denied,
        to: timeText(lastSeen),
      },
      detail: `${declared ? 'declared' : 'not declared'}, ${mode}`,
    })),
    ...anonymous.map(({ service, port, connected, peer = '', token, calls, denied, lastSeen }) => ({
      ...{ row: 'without-mtls', service: portText(service, port), caller: peer, connected, calls, denied },
      ...{ to: timeText(lastSeen), detail: token === undefined ? '' : `token of ${token}` },
    })),
    ...unknown.map(({ service, port, node, from, to, why }) => ({
      ...{
        row: 'unknown',
        service: portText(service, port),
        from: timeText(from),
        to: to === undefined ? '' : timeText(to),
      },
      detail: node === undefined ? why : `${why}: ${node}`,
    })),
    ...handshakes.map(({ service, port, address, count, lastSeen, why }) => ({
      ...{
        row: 'refused',
        service: portText(service, port),
        caller: address,
        calls: count,
        to: timeText(lastSeen),
        detail: why,
      },
    })),
  ];
  const lines = rows.map((row) => heading.map((name) => cell(row[name])).join(','));
  return `${[csvBegin, ...lines, `${csvMark}${header}.${payload}.${signature}`].join('\r\n')}\r\n`;
}

/** A text that a spreadsheet would take for a formula begins with an apostrophe. */
function cell(value: string | number | undefined): string {
  if (typeof value === 'number') return String(value);
  const text = escapeLine(value ?? '').replace(/^[=+\-@]/, "'$&");
  return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
