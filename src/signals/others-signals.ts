// Signals that other replicas recorded: their parts of the table that signals-keeper.ts writes, as text.
import type { Log } from '../lib/log.ts';
import type { Json } from '../lib/table.ts';
import { type KeptRow, rowFromJson } from './row.ts';

export interface OthersSignals {
  /** What a part of the table has under a key now; undefined: nothing any more. */
  take(replica: string, key: string, value: Json | undefined): void;
  services(): readonly string[];
  /** One list for each replica. */
  rows(service: string): readonly (readonly KeptRow[])[];
}

/** `maxChars`: of text; what is beyond is not read, and that is logged. Default 128 million. */
export function createOthersSignals(log: Log, maxChars = 128_000_000): OthersSignals {
  const parts = new Map<string, Map<string, Map<string, KeptRow>>>();
  let chars = 0;
  let full = false;
  return {
    take(replica, key, value) {
      const row = value === undefined ? undefined : rowFromJson(key, value);
      const service = row?.service ?? key.split(' ')[0] ?? '';
      const own = parts.get(service) ?? new Map<string, Map<string, KeptRow>>();
      const rows = own.get(replica) ?? new Map<string, KeptRow>();
      chars -= rows.get(key)?.text.length ?? 0;
      rows.delete(key);
      if (row !== undefined && chars + row.text.length <= maxChars) {
        chars += row.text.length;
        rows.set(key, row);
      } else if (row !== undefined && !full) {
        full = true;
        log.warn({ replica }, 'the signals of other control planes are too large: a part of them is not read');
      }
      if (rows.size > 0) own.set(replica, rows);
      else own.delete(replica);
      if (own.size > 0) parts.set(service, own);
      else parts.delete(service);
    },
    services: () => [...parts.keys()],
    rows: (service) => [...(parts.get(service)?.values() ?? [])].map((rows) => [...rows.values()]),
  };
}
