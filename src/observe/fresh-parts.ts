// The parts of the record that other replicas keep, as they are now. Each writes its own every few seconds, which is too late for somebody
// who decides by the record: asked, they write at once, and a mark behind it, so that the one who asked knows when it has read all.
import { randomUUID } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import { joined } from '../lib/joined.ts';
import type { Json, Table } from '../lib/table.ts';
import { markPart, type OnMark } from './part-table.ts';

/** The replicas on the same store. */
export interface OtherRecords {
  readonly id: string;
  list(): readonly { readonly id: string; readonly alive: boolean }[];
  ask(kind: string, question: Json, timeoutMs?: number): Promise<ReadonlyMap<string, readonly Json[]>>;
  answer(kind: string, handle: (question: Json) => Promise<readonly Json[]>): void;
}

export interface FreshParts {
  /** Resolves when everything that others had is read here, with the ids of those that run and did not tell in time. */
  refresh(): Promise<readonly string[]>;
  /** For whoever reads the parts of a table: what it was told. */
  onMark(table: string): OnMark;
}

export interface FreshPartsDeps {
  /** All that make up the record, by name. */
  readonly tables: ReadonlyMap<string, Pick<Table, 'set'>>;
  readonly others: OtherRecords;
  /** Writes this one's parts. */
  readonly flush: () => Promise<void>;
  readonly clock: Clock;
}

/** For the answers, and then once more for reading what was written. */
const patienceMs = 1500;

/** `tables`: this one's parts. Whoever asks at the same time asks once. */
export function createFreshParts({ tables, others, flush, clock }: FreshPartsDeps): FreshParts {
  /** The present question: which tables of which replica were read up to its mark. */
  let open: { readonly mark: string; readonly read: Map<string, Set<string>>; readonly look: () => void } | undefined;
  others.answer('record', async (mark) => {
    await flush();
    for (const part of tables.values()) await markPart(part, String(mark));
    return [];
  });
  const refresh = async (): Promise<readonly string[]> => {
    const asked = others.list().filter(({ id, alive }) => alive && id !== others.id);
    if (asked.length === 0) return [];
    const mark = randomUUID();
    const read = new Map(asked.map(({ id }) => [id, new Set<string>()]));
    const unread = (ids: Iterable<string>): readonly string[] =>
      [...ids].filter((id) => (read.get(id)?.size ?? 0) < tables.size);
    let look = (): void => {};
    open = { mark, read, look: () => look() };
    const told = await others.ask('record', mark, patienceMs);
    if (unread(told.keys()).length > 0) {
      await new Promise<void>((done) => {
        const cancel = clock.after(patienceMs, done);
        look = () => {
          if (unread(told.keys()).length > 0) return;
          cancel();
          done();
        };
      });
    }
    open = undefined;
    return unread(read.keys());
  };
  return {
    refresh: joined(refresh),
    onMark: (table) => (replica, mark) => {
      if (open?.mark !== mark) return;
      open.read.get(replica)?.add(table);
      open.look();
    },
  };
}
