// Failed handshakes of all replicas: each keeps what its own proxies report, and reads what the others have.
import type { Json, Table } from '../lib/table.ts';
import { type FailedHandshakes, type Handshakes, readList } from './handshakes.ts';
import { type OnMark, type WatchOthers, watchOthers } from './part-table.ts';

export interface SharedHandshakesDeps {
  readonly own: Handshakes;
  /** All parts. */
  readonly table: Pick<Table, 'watch' | 'entries'>;
  /** This one's. */
  readonly replica: string;
  /** Told once everything that was written before the mark is read. */
  readonly onMark?: OnMark;
}

export function shareHandshakes(deps: SharedHandshakesDeps): WatchOthers & { readonly handshakes: Handshakes } {
  const { own, table, replica: id, onMark } = deps;
  const others = new Map<string, readonly FailedHandshakes[]>();
  const take = (replica: string, service: string, value: Json | undefined): void => {
    const key = `${replica}/${service}`;
    if (value === undefined) others.delete(key);
    else others.set(key, readList(service, value));
  };
  const watched = watchOthers(table, id, take, onMark);
  const failed = (since = 0): readonly FailedHandshakes[] => {
    const found = new Map<string, FailedHandshakes>();
    for (const one of [...own.failed(since), ...[...others.values()].flat()]) {
      if (one.lastSeen < since) continue;
      const key = JSON.stringify([one.service, one.port, one.address, one.why]);
      const before = found.get(key);
      const lastSeen = Math.max(one.lastSeen, before?.lastSeen ?? 0);
      found.set(key, { ...one, count: one.count + (before?.count ?? 0), lastSeen });
    }
    return [...found.values()];
  };
  const handshakes = { ...own, failed: (since?: number) => (others.size === 0 ? own.failed(since) : failed(since)) };
  return { ...watched, handshakes };
}
