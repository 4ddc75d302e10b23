// Keeps signals in a table, so that they survive a restart: a row for each service and period, of which only those that changed are
// written again. A row ends by itself when its period is no longer kept.
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Table } from '../lib/table.ts';
import { keptMs, type Level } from './period.ts';
import type { RecordedSignals } from './recorded-signals.ts';
import { type KeptRow, rowFromJson, rowToJson } from './row.ts';

export interface SignalsKeeper {
  /** Reads what was kept. Call once, first. */
  restore(): Promise<void>;
  /** Writes what changed. */
  flush(): Promise<void>;
}

export interface SignalsKeeperDeps {
  readonly signals: RecordedSignals;
  readonly table: Table;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Log;
  /** Characters that are read into memory; coarse periods first. Default 128 million. */
  readonly maxChars?: number;
}

/** What has to fit comes first. */
const order: readonly Level[] = ['month', 'day', 'hour', 'minute'];

/** Writes nothing by itself: call `flush` regularly. */
export function createSignalsKeeper(deps: SignalsKeeperDeps): SignalsKeeper {
  const { signals, table, clock, log, maxChars = 128_000_000 } = deps;
  return {
    async restore() {
      const sizes: { readonly key: string; readonly level: Level; readonly begin: number; readonly chars: number }[] =
        [];
      const old: string[] = [];
      for await (const { key, value } of table.entries()) {
        const row = rowFromJson(key, value);
        if (row === undefined || row.begin < clock.now() - keptMs[row.level]) old.push(key);
        else sizes.push({ key, level: row.level, begin: row.begin, chars: row.text.length });
      }
      const rows: (KeptRow & { readonly service: string })[] = [];
      let chars = 0;
      let beyond = 0;
      for (const one of sizes.sort((a, b) => order.indexOf(a.level) - order.indexOf(b.level) || b.begin - a.begin)) {
        const fits = chars + one.chars <= maxChars;
        const row = fits ? rowFromJson(one.key, (await table.get(one.key)) ?? null) : undefined;
        if (row === undefined) {
          old.push(one.key);
          beyond += 1;
          continue;
        }
        chars += one.chars;
        rows.push(row);
      }
      if (beyond > 0) log.warn({ rows: beyond }, 'there are more signals than are read: the oldest go');
      signals.restore(rows);
      for (const key of old) await table.delete(key);
    },
    async flush() {
      for (const changed of signals.changes()) {
        // Some hundred services: streams get their turn between them.
        await setImmediate();
        for (const [name, row] of changed) {
          try {
            if (row === undefined) await table.delete(name);
            else {
              const ttlMs = Math.max(1, row.begin + keptMs[row.level] - clock.now());
              await table.set(name, rowToJson(row), { ttlMs });
            }
          } catch (reason) {
            log.error({ row: name, reason: String(reason) }, 'signals are not persisted');
          }
        }
      }
    },
  };
}
