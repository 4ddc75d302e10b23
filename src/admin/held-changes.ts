// Changes through the admin API that were not made, because they wait for somebody's word: kept in a table of the store, over restarts
// and for every replica, until they are approved, rejected, or forgotten.
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Json, Table } from '../lib/table.ts';
import { revOf } from '../store/rev-of.ts';
import type { RevisionChange } from '../store/revision.ts';
import type { WaitingChange } from '../store/waiting-change.ts';

export type HeldChange = Omit<WaitingChange, 'rev' | 'since' | 'origin'>;

export interface HeldChanges {
  /** The same change of the same author for the same reasons is held once. Throws `resource_exhausted` if too much is held already. */
  hold(change: HeldChange): Promise<WaitingChange & { readonly isNew: boolean }>;
  /** What such a change is called while it waits. */
  nameOf(change: HeldChange): string;
  /** The oldest first. */
  list(): Promise<readonly WaitingChange[]>;
  /** It was approved or rejected. Unknown ones are ignored. */
  drop(rev: string): Promise<void>;
}

const maxHeld = 100;
/** Of one change, as a table's entry. */
const maxLength = 3 * 1024 * 1024;
const keptMs = 7 * 86_400_000;

export function createHeldChanges({
  table,
  clock,
}: {
  readonly table: Table;
  readonly clock: Pick<Clock, 'now'>;
}): HeldChanges {
  const list = async (): Promise<readonly WaitingChange[]> => {
    const found = (await table.list()).flatMap(({ value }) => readHeld(value));
    return found.toSorted((a, b) => a.since - b.since || (a.rev < b.rev ? -1 : 1));
  };
  return {
    async hold({ author, changes, reasons }) {
      const content = contentOf({ author, changes, reasons });
      const rev = revOf(content);
      const known = await list();
      const same = known.find((held) => held.rev === rev);
      if (same !== undefined) return { ...same, isNew: false };
      if (known.length >= maxHeld || JSON.stringify(content).length > maxLength) {
        throw new CellwallError('resource_exhausted', 'this change would have to wait, and too much waits already', {
          hint: '"cellwall waiting" lists it: approve or reject some of it, or make a smaller change',
        });
      }
      const held: WaitingChange = { rev, origin: 'held', author, since: clock.now(), changes, reasons };
      await table.set(rev, toJson(held), { ttlMs: keptMs });
      return { ...held, isNew: true };
    },
    nameOf: (change) => revOf(contentOf(change)),
    list,
    drop: (rev) => table.delete(rev),
  };
}

function contentOf({ author, changes, reasons }: HeldChange): readonly Json[] {
  return [author, changes.map((change) => ({ ...change })), [...reasons]];
}

function toJson({ changes, reasons, ...rest }: WaitingChange): Json {
  return { ...rest, changes: changes.map((change) => ({ ...change })), reasons: [...reasons] };
}

/** Only this file writes there; what has not its form is another version's. */
function readHeld(value: Json): readonly WaitingChange[] {
  return isHeld(value) ? [value] : [];
}

function isHeld(value: unknown): value is WaitingChange {
  if (typeof value !== 'object' || value === null) return false;
  const { rev, origin, author, since, changes, reasons }: Partial<Record<keyof WaitingChange, unknown>> = value;
  const names = origin === 'held' && [rev, author].every((text) => typeof text === 'string');
  return (
    names && typeof since === 'number' && Array.isArray(changes) && changes.every(isChange) && Array.isArray(reasons)
  );
}

function isChange(value: unknown): value is RevisionChange {
  return typeof value === 'object' && value !== null && 'key' in value;
}
