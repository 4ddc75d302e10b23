// The last revisions of any store, in a table of its own: what each changed, so that a step back is an apply of what was before.
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import { differing } from '../lib/differing.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Json } from '../lib/table.ts';
import type { ParsedDocument } from '../model/parsed-document.ts';
import type { Revision, RevisionChange } from './revision.ts';
import type { Store, StoreState } from './store.ts';
import { directAuthor } from './waiting-change.ts';

export interface HistoryDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** What was in force when the store was last used: what was changed since, while nobody looked, is a revision of the history. */
  readonly resumed?: StoreState | undefined;
  /** How many revisions are kept. Default 50. */
  readonly kept?: number;
}

/** Others write an entry once, before or after. */
const maxAttempts = 5;

/** `close` waits for what is being written, then closes `store`. */
export function withHistory(store: Omit<Store, 'history'>, { clock, log, resumed, kept = 50 }: HistoryDeps): Store {
  const table = store.table('history');
  const fresh = new Map<number, Revision>();
  let last = resumed ?? store.state();
  let writing = Promise.resolve();

  const write = async (number: number): Promise<void> => {
    const revision = fresh.get(number);
    if (revision === undefined) return;
    const { author } = revision;
    // Another replica may have applied it: who did knows the author.
    if (author === undefined) await table.claim(keyOf(number), toJson(revision));
    else await writeAuthored(keyOf(number), toJson(revision));
    await table.delete(keyOf(number - kept));
    fresh.delete(number);
  };
  /** Over what another replica noted first, without the author: its clock may be ahead, and of two entries the later one counts. */
  const writeAuthored = async (key: string, value: Json): Promise<void> => {
    try {
      for (let attempt = 0; attempt < maxAttempts; attempt++) {
        if (await table.compareAndSet(key, await table.get(key), value)) return;
      }
    } catch (reason) {
      if (CellwallError.from(reason).code !== 'unavailable') throw reason;
    }
    await table.set(key, value);
  };
  const note = (state: StoreState, author?: string): void => {
    const changes = changesBetween(last?.documents ?? [], state.documents);
    last = state;
    fresh.set(state.revision, { revision: state.revision, at: clock.now(), ...defined({ author }), changes });
    // After `apply` has answered, and told who applied it.
    setImmediate(() => {
      writing = writing
        .then(() => write(state.revision))
        .catch((reason: unknown) => log.error({ reason: CellwallError.from(reason).message }, 'history not kept'));
    });
  };
  const settled = async (): Promise<void> => {
    await new Promise<void>((resolve) => void setImmediate(resolve));
    await writing;
  };
  const now = store.state();
  if (now !== undefined && resumed !== undefined && now.revision > resumed.revision) note(now);
  store.watch((event) => {
    if (event.kind === 'state') note(event.state, event.direct === true ? directAuthor : undefined);
  });
  return {
    ...store,
    async apply(changes, options) {
      const result = await store.apply(changes, options);
      const revision = result.kind === 'applied' ? fresh.get(result.revision) : undefined;
      const { author, mark } = options;
      // What led to it is taken over from another store.
      if (options.revision !== undefined && revision !== undefined) {
        fresh.delete(revision.revision);
        return result;
      }
      if (revision !== undefined) {
        fresh.set(revision.revision, { ...revision, author, ...defined({ mark }) });
      }
      return result;
    },
    async history() {
      const found = new Map<number, Revision>();
      for (const { value } of await table.list()) {
        const revision = readRevision(value);
        if (revision !== undefined) found.set(revision.revision, revision);
      }
      for (const [number, revision] of fresh) found.set(number, revision);
      return [...found.values()].sort((a, b) => b.revision - a.revision).slice(0, kept);
    },
    ...(store.entries === undefined ? {} : { entries: () => settled().then(() => store.entries?.() ?? []) }),
    async close() {
      await settled();
      await store.close();
    },
  };
}

function changesBetween(
  before: readonly ParsedDocument[],
  after: readonly ParsedDocument[],
): readonly RevisionChange[] {
  const differ = differing(before, after);
  const old = new Map(differ.before.map(({ key, text }) => [key, text]));
  const changes: RevisionChange[] = [];
  for (const { key, text } of differ.after) {
    const was = old.get(key);
    old.delete(key);
    if (was !== text) changes.push({ key, ...defined({ before: was }), after: text });
  }
  for (const [key, was] of old) changes.push({ key, before: was });
  return changes;
}

/** In the order of the numbers. */
function keyOf(revision: number): string {
  return String(revision).padStart(15, '0');
}

function toJson({ changes, ...rest }: Revision): Json {
  return { ...rest, changes: changes.map((change) => ({ ...change })) };
}

function readRevision(value: Json): Revision | undefined {
  return isRevision(value) ? value : undefined;
}

/** Only this file writes there; what has not its form is another version's. */
function isRevision(value: unknown): value is Revision {
  return typeof value === 'object' && value !== null && 'changes' in value && 'revision' in value && 'at' in value;
}
