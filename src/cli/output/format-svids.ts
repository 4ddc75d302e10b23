// The text output of `cellwall doctor svid PLACE`. Pure.
import type { SvidReport } from '../../doctor/svid/svid-report.ts';
import { escapeLine } from '../../lib/escape.ts';
import { isoTime, relativeTime } from './time.ts';

const verdicts: Readonly<Record<SvidReport['verdict'], string>> = {
  broken: 'BROKEN',
  fine: 'FINE',
  unknown: 'UNKNOWN',
};
const kinds: Readonly<Record<SvidReport['kind'], string>> = {
  'x509-svid': 'X.509-SVID',
  'jwt-svid': 'JWT-SVID',
  none: 'no SVID',
};

export function formatSvids(svids: readonly SvidReport[], now: number): string {
  return svids.map((svid) => formatSvid(svid, now)).join('\n');
}

function formatSvid({ verdict, place, kind, notAfter, findings, checked, unseen }: SvidReport, now: number): string {
  const ends = notAfter === undefined ? '' : `, ends ${isoTime(notAfter)} (${relativeTime(notAfter, now)})`;
  return [
    `${verdicts[verdict]}: ${escapeLine(place)}: ${kinds[kind]}${ends}\n`,
    ...(findings.length === 0 ? ['\nnothing was found that would have it refused\n'] : []),
    ...findings.map(
      ({ cause, what, toDo }, index) =>
        `\n${index + 1}. ${escapeLine(what)}\n   do: ${escapeLine(toDo)}\n   [${escapeLine(cause)}]\n`,
    ),
    ...list('in order', checked),
    ...list('not seen', unseen),
  ].join('');
}

function list(heading: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : [`\n${heading}:\n`, ...lines.map((line) => `  - ${escapeLine(line)}\n`)];
}
