// The tables of `cellwall simulate`. Pure.
import type { SimulatedRow, SimulationAnswer } from '../../admin/wire-record.ts';
import { escapeLine } from '../../lib/escape.ts';
import { missingWords } from '../../lib/missing-in-log.ts';
import { portText } from './port-text.ts';
import { formatTable } from './table.ts';
import { isoTime, relativeTime } from './time.ts';

export function formatSimulation(answer: SimulationAnswer, now: number): string {
  const { totals, newlyDenied, newlyAllowed, cannotTell, incomplete, notCrossChecked, replayed, since } = answer;
  const part = (title: string, rows: readonly SimulatedRow[], total: number): string =>
    total === 0 ? '' : `\n${title}: ${total}\n${formatCalls(rows, now)}`;
  return [
    `${replayed} kinds of calls since ${isoTime(since)}: `,
    `${totals.newlyDenied} calls would newly be denied, ${totals.newlyAllowed} newly allowed, ${totals.cannotTell} cannot be decided\n`,
    part('newly denied', newlyDenied, totals.newlyDenied),
    part('newly allowed', newlyAllowed, totals.newlyAllowed),
    part('cannot tell', cannotTell, totals.cannotTell),
    incomplete.length === 0 ? '' : `\nthe record is not complete:\n`,
    ...incomplete.map(({ service, port, since: from, gaps }) => {
      const away = gaps.filter(({ missing }) => missing === undefined);
      const parts = [
        ...(from === undefined ? [] : [`only since ${isoTime(from)}`]),
        ...(away.length === 0 ? [] : [`${away.length} ${away.length === 1 ? 'gap' : 'gaps'}`]),
        ...gaps.flatMap(({ node, from, to, missing }) =>
          missing === undefined ? [] : [`${escapeLine(node)} ${missingWords({ from, to, ...missing })}`],
        ),
      ];
      return `  ${escapeLine(portText({ service, port }))}: ${parts.join(', ')}\n`;
    }),
    notCrossChecked.length === 0 ? '' : "\nnot cross-checked with Envoy's own counters:\n",
    ...notCrossChecked.map((node) => `  ${escapeLine(node)}\n`),
  ].join('');
}

function formatCalls(rows: readonly SimulatedRow[], now: number): string {
  return formatTable(
    ['SERVICE', 'CALLER', 'METHOD', 'PATH', 'BY', 'CALLS', 'LAST'],
    rows.map(({ service, port, caller, principal, peer, method, path, by, count, lastSeen }) => [
      portText({ service, port }),
      principal ?? (peer === undefined ? caller : `${caller}, ${peer}`),
      method ?? '-',
      path ?? '-',
      by ?? '-',
      String(count),
      relativeTime(lastSeen, now),
    ]),
  );
}
