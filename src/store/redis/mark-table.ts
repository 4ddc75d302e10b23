// A table of marks that control planes with other keys read as well, so that none is sealed: claimed once, and changed only by whoever
// knows what it says. That is remembered on this control plane's own disk, which answers while Redis is unavailable, and Redis gets it
// back when it lost it.
import { CellwallError } from '../../lib/errors.ts';
import { sameJson, type Table } from '../../lib/table.ts';
import type { KeptTable, Reach } from './kept-table.ts';
import type { RedisTable } from './redis-table.ts';

export interface MarkTableOptions {
  readonly table: RedisTable;
  /** On this control plane's own disk. */
  readonly memory: Table;
  readonly reach: Reach;
}

export function createMarkTable({ table, memory, reach }: MarkTableOptions): KeptTable {
  const get: Table['get'] = async (key) => {
    const there = await reach(() => table.get(key));
    if (there.kind === 'answered') {
      if (there.answer !== undefined) await memory.set(key, there.answer);
      return there.answer;
    }
    const here = await memory.get(key);
    if (here === undefined) throw there.why;
    return here;
  };
  const never = async (): Promise<never> => {
    throw new CellwallError('internal', 'a mark is claimed, or exchanged for what it says');
  };
  return {
    get,
    set: never,
    delete: table.delete,
    list: table.list,
    entries: table.entries,
    async compareAndSet(key, before, next, options) {
      const there = await table.read(key);
      if (!sameJson(there.value, before) || !(await table.swap(key, there.text, next, options))) return false;
      await (next === undefined ? memory.delete(key) : memory.set(key, next, options));
      return true;
    },
    // Whoever asks reads it.
    watch: () => () => {},
    acquire: table.acquire,
    renew: table.renew,
    release: table.release,
    async claim(key, value, options) {
      const there = await reach(() => table.claim(key, value, options));
      if (there.kind === 'answered') {
        await memory.set(key, there.answer.value, options);
        return there.answer;
      }
      const here = await memory.get(key);
      if (here === undefined) throw there.why;
      return { won: false, value: here };
    },
    withEnds: table.list,
    waits: () => false,
    async mend(all) {
      let lost = 0;
      if (!all) return lost;
      for (const { key, value } of await memory.list()) if ((await table.claim(key, value)).won) lost += 1;
      return lost;
    },
  };
}
