// Where the audit log ends, remembered outside of it: its last record after every write, only the newest; and at most once a second a
// signed checkpoint, which others can verify as well.
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Json, Table } from '../lib/table.ts';
import {
  type CheckpointSigner,
  checkpointText,
  type Head,
  readCheckpoint,
  readHead,
  type SignedCheckpoint,
} from './checkpoint-text.ts';

export interface KeptEnd {
  read(): Promise<Head | undefined>;
  /** Shortly afterwards: a crash before that leaves a log that is longer than what is known, which loses nothing. */
  write(head: Head): void;
  /** What is written from now on is signed. */
  signWith(signer: CheckpointSigner): void;
  /** The last signed checkpoint of every log that shares the table. */
  signed(): Promise<readonly SignedCheckpoint[]>;
  /** Resolves when everything that was written before is there, signed if it can be. */
  settled(): Promise<void>;
}

export interface KeptEndDeps {
  readonly table: Table;
  /** Under which name the last record is kept. */
  readonly name: string;
  /** Of the log. */
  readonly id: string;
  readonly clock: Pick<Clock, 'now' | 'after'>;
  readonly log: Log;
}

const signEveryMs = 1000;
const prefix = 'checkpoint of ';

export function createKeptEnd({ table, name, id, clock, log }: KeptEndDeps): KeptEnd {
  let signer: CheckpointSigner | undefined;
  let next: Head | undefined;
  let unsigned: Head | undefined;
  let writing: Promise<void> | undefined;
  let signing: Promise<void> | undefined;
  let waiting: (() => void) | undefined;

  const set = async (key: string, value: () => Promise<Json> | Json): Promise<void> => {
    try {
      await table.set(key, await value());
    } catch (reason) {
      log.error({ reason: String(reason) }, 'where the audit log ends is not remembered');
    }
  };
  const work = async (): Promise<void> => {
    while (next !== undefined) {
      const { number, hash } = next;
      next = undefined;
      await set(name, () => ({ number, hash }));
    }
    writing = undefined;
  };
  /** One after the other: none takes the place of a later one. */
  const sign = async (): Promise<void> => {
    waiting?.();
    waiting = undefined;
    await signing;
    const by = signer;
    if (by === undefined || unsigned === undefined) return;
    const checkpoint = { log: id, ...unsigned, at: new Date(clock.now()).toISOString() };
    unsigned = undefined;
    signing = set(`${prefix}${id}`, async () => {
      const { protected: header, signature } = (await by.key()).sign(checkpointText(checkpoint));
      return { ...checkpoint, protected: header, signature };
    });
    await signing;
  };
  const signSoon = (): void => {
    if (signer !== undefined && unsigned !== undefined) waiting ??= clock.after(signEveryMs, () => void sign());
  };
  return {
    async read() {
      try {
        const [head, checkpoint] = await Promise.all([table.get(name), table.get(`${prefix}${id}`)]);
        const [plain, signed] = [readHead(head), readCheckpoint(checkpoint)];
        return plain === undefined || (signed !== undefined && signed.number > plain.number) ? signed : plain;
      } catch (reason) {
        if (CellwallError.from(reason).code !== 'unavailable') throw reason;
        // The table is away, and nothing of it was kept: no start waits for it.
        log.warn({ reason: CellwallError.from(reason).message }, 'where the audit log ended cannot be read');
        return undefined;
      }
    },
    write(head) {
      next = head;
      unsigned = head;
      writing ??= work();
      signSoon();
    },
    signWith(given) {
      signer = given;
      signSoon();
    },
    async signed() {
      const entries = await table.list();
      return entries.flatMap(({ key, value }) => (key.startsWith(prefix) ? (readCheckpoint(value) ?? []) : []));
    },
    async settled() {
      while (writing !== undefined) await writing;
      await sign();
    },
  };
}
