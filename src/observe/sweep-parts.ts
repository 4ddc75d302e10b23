// Removes the parts of the record that belong to replicas which have not been heard of for longer than anything is kept. One replica does
// it, under a lease: one that was paused meanwhile removes nothing.
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Fence, Table } from '../lib/table.ts';
import { heartbeat, keptMs } from './coverage-keys.ts';
import { partOf } from './part-table.ts';

export interface SweepDeps {
  /** Has the beats of all, which stay there for a while longer. */
  readonly coverage: Pick<Table, 'entries'>;
  /** To which the lease belongs. */
  readonly table: Table;
  readonly clock: Clock;
  readonly log: Log;
}

const everyMs = 6 * 3_600_000;

/** The answer ends it. */
export function sweepParts({ coverage, table, clock, log }: SweepDeps): (fence: Fence) => () => void {
  const sweep = async (fence: Fence): Promise<void> => {
    const old = new Set<string>();
    for await (const { key: whole, value } of coverage.entries()) {
      const { replica, key } = partOf(whole);
      if (replica !== '' && key === heartbeat && typeof value === 'number' && value < clock.now() - keptMs) {
        old.add(replica);
      }
    }
    if (old.size === 0) return;
    let removed = 0;
    for await (const { key: whole } of table.entries()) {
      const { replica, key } = partOf(whole);
      if (!old.has(replica) || key === heartbeat) continue;
      await table.delete(whole, { fence });
      removed += 1;
    }
    if (removed > 0)
      log.info({ replicas: [...old], removed }, 'what was recorded by control planes that are gone is removed');
  };
  return (fence) => {
    let ended = false;
    let cancel = (): void => {};
    const again = (): void => {
      sweep(fence)
        .catch((reason: unknown) => log.warn({ reason: String(reason) }, 'old parts of the record are not removed'))
        .finally(() => {
          if (!ended) cancel = clock.after(everyMs, again);
        });
    };
    again();
    return () => {
      ended = true;
      cancel();
    };
  };
}
