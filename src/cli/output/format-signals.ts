// The tables of `cellwall signals`. Pure.
import type { EdgeRow, EdgeSignalsAnswer, SignalsAnswer } from '../../admin/wire-signals.ts';
import { formatTable } from './table.ts';
import { isoTime, relativeTime } from './time.ts';

export function formatSignals(answer: SignalsAnswer, now: number): string {
  const { edges, services } = answer;
  const seen = edges.filter(isSeen);
  const parts = [`calls since ${isoTime(answer.since)}\n`];
  const heading = ['CALLER', 'SERVICE', 'CALLS', 'DENIED', 'FAILED', '5XX', 'P50', 'P99', 'TLS', 'FLAGS', 'SEEN'];
  if (seen.length > 0)
    parts.push(
      formatTable(
        heading,
        seen.flatMap((edge) => rowsOf(edge, now)),
      ),
    );
  else parts.push('no call was seen\n');
  if (answer.edgeCount > edges.length) parts.push(`… and ${answer.edgeCount - edges.length} more\n`);
  const unseen = edges.filter((edge) => !isSeen(edge));
  if (unseen.length > 0) {
    parts.push(
      formatTable(
        ['DECLARED, NOT SEEN', 'SERVICE'],
        unseen.map((edge) => [callerOf(edge), targetOf(edge)]),
      ),
    );
  }
  const unknown = services.flatMap(({ service, since, unknown: gaps, dropped }) => [
    ...(since === undefined ? [[service, 'no proxy of it has been connected yet']] : []),
    ...(since !== undefined && since > answer.since ? [[service, `before ${isoTime(since)}: no proxy yet`]] : []),
    ...(dropped === undefined ? [] : [[service, `before ${isoTime(dropped)}: no room for it`]]),
    ...gaps.map(({ node, from, to }) => [
      service,
      `${isoTime(from)} to ${to === undefined ? 'now' : isoTime(to)}: ${node}`,
    ]),
  ]);
  if (unknown.length > 0) parts.push(formatTable(['NOT KNOWN', 'WHEN'], unknown));
  const grouped = services.flatMap(({ service, groups }) => (groups === undefined ? [] : [[service, counts(groups)]]));
  for (const { callerSide, ...edge } of edges) {
    if (callerSide === undefined || Object.keys(callerSide.groups).length === 0) continue;
    grouped.push([`${targetOf(edge)}, from ${callerOf(edge)}`, counts(callerSide.groups)]);
  }
  if (grouped.length > 0) parts.push(formatTable(['TLS CONNECTIONS TO', 'BY KEY EXCHANGE'], grouped));
  const refused = services.flatMap(({ handshakes }) => handshakes);
  if (refused.length > 0) {
    parts.push(
      formatTable(
        ['HANDSHAKE REFUSED BY', 'FROM', 'TIMES', 'LAST', 'WHY'],
        refused.map(({ service, port, address, count, lastSeen, why }) => [
          port === undefined ? service : `${service}:${port}`,
          ...[address, String(count), relativeTime(lastSeen, now), why],
        ]),
      ),
    );
  }
  return parts.join('\n');
}

function isSeen({ inbound, outbound, callerSide }: EdgeRow): boolean {
  return inbound !== undefined || outbound !== undefined || callerSide !== undefined;
}

/**
 * As the called side saw it; and as the calling side did, if calls failed before they arrived, or if nothing is known of the called side.
 */
function rowsOf(edge: EdgeRow, now: number): readonly (readonly string[])[] {
  const { inbound, outbound, callerSide } = edge;
  const place = [callerOf(edge), targetOf(edge)];
  return [
    ...(inbound === undefined ? [] : [[...place, ...figures(inbound, now)]]),
    ...(outbound === undefined ? [] : [[...place, ...figures(outbound, now).with(0, `${outbound.calls} not reached`)]]),
    ...(inbound !== undefined || callerSide === undefined ? [] : [[...place, ...sentFigures(callerSide, now)]]),
  ];
}

function figures({ calls, denied, failed, classes, latency, tls, flags, lastSeen }: EdgeSignalsAnswer, now: number) {
  return [
    ...[String(calls), String(denied), String(failed), String(classes['5xx'])],
    ...[latency === undefined ? '-' : millis(latency.p50), latency === undefined ? '-' : millis(latency.p99)],
    ...[counts(tls), counts(flags), relativeTime(lastSeen, now)],
  ];
}

function sentFigures(side: NonNullable<EdgeRow['callerSide']>, now: number): readonly string[] {
  const known = figures({ ...side, denied: 0, failed: 0, flags: {}, tls: {} }, now);
  return known.with(0, `${side.calls} sent`).with(1, '-').with(2, '-');
}

/** Names alone if there is one; with their counts if there are several. */
function counts(of: Readonly<Record<string, number>>): string {
  const all = Object.entries(of).toSorted(([, a], [, b]) => b - a);
  if (all.length === 0) return '-';
  return all.length === 1 ? (all[0]?.[0] ?? '-') : all.map(([name, count]) => `${name}:${count}`).join(' ');
}

function millis(ms: number): string {
  if (ms < 10) return `${Number(ms.toPrecision(2))}ms`;
  return ms < 10_000 ? `${Math.round(ms)}ms` : `${Math.round(ms / 1000)}s`;
}

function callerOf({ caller, callerService, principal, token, peer, crowd }: EdgeRow): string {
  if (callerService !== undefined) return callerService;
  if (principal !== undefined) return principal;
  const who = token ?? peer ?? (crowd === true ? 'others' : '');
  return who === '' ? caller : `${who} (${caller})`;
}

function targetOf({ service, port }: EdgeRow): string {
  return port === undefined ? service : `${service}:${port}`;
}
