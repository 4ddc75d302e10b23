// The record of traffic without its paths: what `status` shows. Pure.
import { defined } from '../lib/defined.ts';
import { earliest, type TrafficCount } from './traffic-count.ts';

/** Counts of all paths together. */
export type RolledUp = Omit<TrafficCount, 'path'>;

/** At most `limit` rows, those seen last. */
export function rollUp(counts: readonly TrafficCount[], limit = 10_000): readonly RolledUp[] {
  const rows = new Map<string, RolledUp>();
  for (const { path: _, ...call } of counts) {
    const { count, lastSeen, firstSeen: _first, ...kind } = call;
    // Whatever else tells calls apart: a port that is left out here gets the calls of another one.
    const { service, port, caller, principal, token, peer, method, decision, policy, shadow, credential, ...rest } =
      kind;
    rest satisfies Record<string, never>;
    const names = [service, port, caller, principal, token, peer, method, decision, policy, shadow, credential];
    const key = JSON.stringify(names);
    const before = rows.get(key);
    rows.set(key, {
      ...call,
      count: count + (before?.count ?? 0),
      lastSeen: Math.max(lastSeen, before?.lastSeen ?? 0),
      ...defined({ firstSeen: earliest(call, before) }),
    });
  }
  const all = [...rows.values()];
  return all.length <= limit ? all : all.sort((a, b) => b.lastSeen - a.lastSeen).slice(0, limit);
}
