// A report as people read it: sections of rows, in the same order and words wherever they are shown. Pure.
import { type AnonymousCalls, type EdgeState, type MtlsReport, portText } from './mtls-report.ts';

export interface Section {
  readonly title: string;
  /** What the rows are, or what it means that there are none. */
  readonly about: string;
  readonly heading: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const meanings: Readonly<Record<EdgeState, string>> = {
  secure: 'calls were seen, all of them by mTLS, and nothing of the record is missing',
  'partly-known': 'calls were seen, all of them by mTLS; but for some of the time nothing is known',
  insecure: 'calls without mTLS were seen',
  unseen: 'declared in documents; no call was seen, and nothing of the record is missing',
  unknown: 'no call was seen, and for some of the time nothing is known',
};

export const reportTitle = 'mTLS coverage';

export function reportSections(report: MtlsReport): readonly Section[] {
  const { edges, anonymous, unknown, handshakes, notCrossChecked, left, notes } = report;
  return [
    { title: 'Summary', about: '', heading: ['', ''], rows: summaryOf(report) },
    {
      title: 'Edges',
      about: 'Who called which port, or is declared to, and whether by mTLS.',
      heading: ['STATE', 'CALLER', 'SERVICE', 'DECLARED', 'MODE', 'CALLS', 'DENIED', 'LAST SEEN'],
      rows: edges.map(({ state, caller, service, port, declared, mode, calls, denied, lastSeen }) => [
        ...[state, caller, portText(service, port), declared ? 'yes' : 'no', mode, String(calls), String(denied)],
        timeText(lastSeen),
      ]),
    },
    {
      title: 'Calls without mTLS',
      about: anonymous.length === 0 ? 'None was seen.' : 'Each caller, by the address that it called from.',
      heading: ['SERVICE', 'FROM', 'HOW', 'TOKEN', 'CALLS', 'DENIED', 'LAST SEEN'],
      rows: anonymous.map((one) => [
        ...[portText(one.service, one.port), peerText(one), one.connected, one.token ?? '-'],
        ...[String(one.calls), String(one.denied), timeText(one.lastSeen)],
      ]),
    },
    {
      title: 'Times of which nothing is known',
      about: unknown.length === 0 ? 'None.' : 'In these times calls may have been made that are not in this report.',
      heading: ['SERVICE', 'FROM', 'TO', 'WHY', 'PROXY'],
      rows: unknown.map(({ service, port, node, from, to, why }) => [
        ...[portText(service, port), timeText(from), to === undefined ? 'now' : timeText(to), why, node ?? '-'],
      ]),
    },
    {
      title: 'Refused before they were calls',
      about:
        handshakes.length === 0 ? 'None was seen.' : 'Handshakes that failed, and what arrived that was no request.',
      heading: ['SERVICE', 'FROM', 'TIMES', 'LAST SEEN', 'WHY'],
      rows: handshakes.map(({ service, port, address, count, lastSeen, why }) => [
        ...[portText(service, port), address, String(count), timeText(lastSeen), why],
      ]),
    },
    {
      title: 'How complete the record is',
      about:
        notCrossChecked.length + left.length === 0
          ? "The log of every proxy is compared with Envoy's counters, and no proxy left."
          : 'Where calls may be missing without a sign.',
      heading: ['SERVICE', 'WHAT'],
      rows: [
        ...notCrossChecked.map((service) => [
          service,
          "the log of some of its proxies is not compared with Envoy's counters",
        ]),
        ...left.map(({ service, proxies }) => [
          service,
          `${proxies} proxies left: the last moment of each may be missing`,
        ]),
      ],
    },
    {
      title: 'How to read this',
      about: '',
      heading: ['', ''],
      rows: [
        ...Object.entries(meanings).map(([state, means]) => [state, means]),
        ...notes.map((note) => ['note', note]),
      ],
    },
  ];
}

function summaryOf({ totals, ...report }: MtlsReport): Section['rows'] {
  const { calls, mtls, plaintext, oneWayTls, legacy, denied, edges, unknownMs } = totals;
  return [
    ['trust domain', report.trustDomain],
    ['from', timeText(report.since)],
    ['to', timeText(report.until)],
    ['documents', `revision ${report.revision}`],
    ['made by', report.madeBy],
    ['calls', `${calls}, ${mtls} of them by mTLS${shareText(mtls, calls)}`],
    [
      'without mTLS',
      `${calls - mtls}: ${plaintext} in plaintext, ${oneWayTls} one-way TLS, ${legacy} with a legacy certificate`,
    ],
    ['denied', String(denied)],
    [
      'edges',
      Object.entries(edges)
        .map(([state, count]) => `${count} ${state}`)
        .join(', '),
    ],
    ['not known', `${hoursText(unknownMs)} of all services together`],
  ];
}

/** Never rounded up: all is all. */
function shareText(part: number, all: number): string {
  if (all === 0) return '';
  return ` (${part === all ? '100' : (Math.floor((part / all) * 10_000) / 100).toFixed(2)} %)`;
}

function hoursText(ms: number): string {
  return ms < 3_600_000 ? `${Math.ceil(ms / 60_000)} min` : `${(Math.ceil(ms / 360_000) / 10).toFixed(1)} h`;
}

function peerText({ peer }: AnonymousCalls): string {
  return peer ?? 'addresses for which there was no room';
}

export function timeText(at: number | undefined): string {
  return at === undefined ? '-' : new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');
}
