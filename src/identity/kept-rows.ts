// A log of what was issued, in a table: a bounded number of rows for each holder. An unavailable table does not delay issuance: what it
// missed is written later.
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Json, Table } from '../lib/table.ts';

/** `ends`: epoch milliseconds. `holder`: whose rows make room for one another; absent: nobody's. */
export interface KeptRow {
  readonly serial: string;
  readonly ends: number;
  readonly holder?: string | undefined;
}

export interface KeptRows<T> {
  record(one: T): Promise<void>;
  list(): Promise<readonly T[]>;
}

export interface KeptRowsOptions<T> {
  readonly table: Table;
  readonly clock: Clock;
  readonly log: Log;
  /** As in "an issued certificate", for the log. */
  readonly what: string;
  readonly rowOf: (one: T) => KeptRow;
  readonly write: (one: T) => Json;
  /** Undefined for an entry that is none. */
  readonly read: (value: Json) => T | undefined;
  /** After its end, milliseconds. */
  readonly keepMs: number;
  /** Of one holder; those that end last are kept. */
  readonly mostOfHolder: number;
  /** Whose rows are counted: those that were issued something last. Default 50,000. */
  readonly mostHolders?: number;
}

const maxBacklog = 100_000;

export function createKeptRows<T>(options: KeptRowsOptions<T>): KeptRows<T> {
  const { table, clock, log, what, rowOf, keepMs, mostOfHolder, mostHolders = 50_000 } = options;
  const backlog: T[] = [];
  /** Of a holder, what ends first before the rest; as it was in the table when first read. */
  let ofHolder: Promise<Map<string, KeptRow[]>> | undefined;
  const list = async (): Promise<readonly T[]> =>
    (await table.list()).flatMap(({ value }) => options.read(value) ?? []);
  const index = async (): Promise<Map<string, KeptRow[]>> => {
    const found = new Map<string, KeptRow[]>();
    for (const row of (await list()).map(rowOf).sort(byEnd)) {
      if (row.holder === undefined) continue;
      const rows = found.get(row.holder);
      if (rows === undefined) found.set(row.holder, [row]);
      else rows.push(row);
    }
    return found;
  };
  /** A holder that renews endlessly displaces only its own rows, and not one of what outlives the new ones. */
  const makeRoom = async (row: KeptRow): Promise<void> => {
    if (row.holder === undefined) return;
    // What cannot be read now is read at the next one.
    ofHolder ??= index().catch((reason: unknown) => {
      ofHolder = undefined;
      throw reason;
    });
    const holders = await ofHolder;
    const rows = holders.get(row.holder) ?? [];
    holders.delete(row.holder);
    holders.set(row.holder, rows);
    for (const oldest of holders.keys()) {
      if (holders.size <= mostHolders) break;
      holders.delete(oldest);
    }
    if (!rows.some(({ serial }) => serial === row.serial)) {
      const last = rows.at(-1);
      rows.push(row);
      if (last !== undefined && byEnd(last, row) > 0) rows.sort(byEnd);
    }
    while (rows.length > mostOfHolder) await table.delete(rows.shift()?.serial ?? '');
  };
  const write = async (one: T): Promise<void> => {
    const row = rowOf(one);
    await table.set(row.serial, options.write(one), { ttlMs: Math.max(1, row.ends + keepMs - clock.now()) });
    await makeRoom(row);
  };
  return {
    async record(one) {
      try {
        await write(one);
        for (let missed = backlog[0]; missed !== undefined; missed = backlog[0]) {
          await write(missed);
          backlog.shift();
        }
      } catch (reason) {
        if (backlog.length >= maxBacklog) backlog.shift();
        backlog.push(one);
        log.warn({ reason: String(reason), waiting: backlog.length }, `cannot record ${what} yet`);
      }
    },
    list,
  };
}

function byEnd(a: KeptRow, b: KeptRow): number {
  return a.ends - b.ends;
}
