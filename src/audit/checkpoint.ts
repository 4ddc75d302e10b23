// The audit log's last record, remembered outside of it: written after every record, only the newest.
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Json, Table } from '../lib/table.ts';

export interface Head {
  readonly number: number;
  readonly hash: string;
}

export interface Checkpoint {
  read(): Promise<Head | undefined>;
  /** Shortly afterwards: a crash before that leaves a log that is longer than what is known, which loses nothing. */
  write(head: Head): void;
}

export interface CheckpointDeps {
  readonly table: Table;
  readonly name: string;
  readonly log: Log;
}

export function createCheckpoint({ table, name, log }: CheckpointDeps): Checkpoint {
  let next: Head | undefined;
  let writing = false;
  const work = async (): Promise<void> => {
    writing = true;
    while (next !== undefined) {
      const head = next;
      next = undefined;
      await table
        .set(name, { ...head })
        .catch((reason: unknown) =>
          log.error({ reason: String(reason) }, 'the last record of the audit log is not remembered'),
        );
    }
    writing = false;
  };
  return {
    async read() {
      try {
        return parse(await table.get(name));
      } catch (reason) {
        if (CellwallError.from(reason).code !== 'unavailable') throw reason;
        // The table is away, and nothing of it was kept: no start waits for it.
        log.warn({ reason: CellwallError.from(reason).message }, 'where the audit log ended cannot be read');
        return undefined;
      }
    },
    write(head) {
      next = head;
      if (!writing) void work();
    },
  };
}

function parse(value: Json | undefined): Head | undefined {
  if (typeof value !== 'object' || value === null || !('number' in value) || !('hash' in value)) return undefined;
  const { number, hash } = value;
  return typeof number === 'number' && typeof hash === 'string' ? { number, hash } : undefined;
}
