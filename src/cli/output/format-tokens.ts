// Which callers were given which token of a service. Pure.
import type { TrafficCount } from '../../admin/wire.ts';
import { portText } from './port-text.ts';
import { formatTable } from './table.ts';
import { relativeTime } from './time.ts';

/** Undefined if none was. */
export function formatTokens(traffic: readonly TrafficCount[], now: number, width?: number): string | undefined {
  const rows = new Map<string, TrafficCount>();
  for (const count of traffic) {
    if (count.credential === undefined) continue;
    const name = JSON.stringify([count.service, count.port, count.credential, count.principal]);
    const before = rows.get(name) ?? { ...count, count: 0 };
    rows.set(name, {
      ...before,
      count: before.count + count.count,
      firstSeen: Math.min(before.firstSeen ?? now, count.firstSeen ?? now),
      lastSeen: Math.max(before.lastSeen, count.lastSeen),
    });
  }
  if (rows.size === 0) return undefined;
  return formatTable(
    ['SERVICE', 'TOKEN', 'SET FOR', 'CALLS', 'SINCE', 'LAST'],
    [...rows.values()].map((row) => [
      portText(row),
      row.credential ?? '-',
      row.principal ?? '-',
      String(row.count),
      relativeTime(row.firstSeen ?? row.lastSeen, now),
      relativeTime(row.lastSeen, now),
    ]),
    width,
  );
}
