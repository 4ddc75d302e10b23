// Nothing is moved out of, or into, a store that control planes use: what they write meanwhile would be lost, or half moved. Those of other
// hosts are known by their beat in the store, which changes every second.
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Table } from '../lib/table.ts';

/** Three beats: one may be late. */
const lookMs = 3000;

/** `table`: in which control planes tell of themselves. Throws `failed_precondition` if one still does; looks only if there is one at all. */
export async function refuseIfUsed(table: Pick<Table, 'list'>, clock: Pick<Clock, 'after'>): Promise<void> {
  const told = async () => new Map((await table.list()).map(({ key, value }) => [key, JSON.stringify(value)]));
  const before = await told();
  if (before.size === 0) return;
  await new Promise<void>((resolve) => void clock.after(lookMs, resolve));
  const running = [...(await told())].flatMap(([replica, said]) => (before.get(replica) === said ? [] : [replica]));
  if (running.length === 0) return;
  throw new CellwallError('failed_precondition', `control planes use this store: ${running.join(', ')}`, {
    hint: 'stop every one of them, on whatever host: calls go on meanwhile',
  });
}
