// Writes to Redis what it lacks of the tables: what was written while it was unavailable, and what it lost (FLUSHALL, an eviction, a
// restart without its data, a failover to an older replica).
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { KeptTable } from './kept-table.ts';

export interface Mender {
  /** A table that is in use now: it is looked through, once Redis answers. */
  add(name: string, table: KeptTable): void;
  /** Redis may have lost something: everything is looked through. */
  suspect(): void;
  /** Redis answers: what waits is written. One run at a time; resolves when nothing is left to do, or Redis does not take it. */
  run(): Promise<void>;
  /** Why Redis does not take what waits; undefined when nothing does. */
  refused(): CellwallError | undefined;
}

export interface MenderDeps {
  /** Entries that Redis had lost, and has again. */
  readonly onRestored: (entries: number, tables: readonly string[]) => void;
  readonly log: Log;
}

export function createMender({ onRestored, log }: MenderDeps): Mender {
  const tables = new Map<string, KeptTable>();
  const suspected = new Set<string>();
  let running: Promise<void> | undefined;
  let refused: CellwallError | undefined;
  const work = async (): Promise<void> => {
    let entries = 0;
    const restored: string[] = [];
    try {
      for (const [name, table] of tables) {
        const all = suspected.delete(name);
        if (!all && !table.waits()) continue;
        const lost = await table.mend(all).catch((reason: unknown) => {
          if (all) suspected.add(name);
          throw reason;
        });
        entries += lost;
        if (lost > 0) restored.push(name);
      }
      refused = undefined;
    } catch (reason) {
      refused = CellwallError.from(reason);
      log.debug({ reason: refused.message }, 'Redis does not take what waits to be written');
    }
    if (entries > 0) onRestored(entries, restored);
  };
  return {
    add(name, table) {
      tables.set(name, table);
      suspected.add(name);
    },
    suspect() {
      for (const name of tables.keys()) suspected.add(name);
    },
    run() {
      running ??= work().finally(() => {
        running = undefined;
      });
      return running;
    },
    refused: () => refused,
  };
}
