// The documents of a follower: its parent's, in its own store, which keeps them as last good; and changes to its own cell's documents,
// where the parent allows them. Whatever is dropped is in the log and the audit log.
import type { AuditLog } from '../audit/audit-log.ts';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Table } from '../lib/table.ts';
import type { DocumentKey } from '../model/document-key.ts';
import type { Change, Store } from '../store/store.ts';
import { type Merged, merge } from './merge.ts';
import type { ParentLink } from './parent-link.ts';

export interface FollowingStoreOptions {
  readonly store: Store;
  readonly audit: Pick<AuditLog, 'append'>;
  readonly link: Pick<ParentLink, 'cell' | 'documents'>;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Replaced {
  readonly count: number;
  /** The latest. */
  readonly last?: { readonly at: number; readonly documents: readonly string[] };
}

export interface FollowingStore {
  /** For whoever changes documents here. Throws `failed_precondition` for those of the parent. */
  readonly store: Store;
  /** Of the last state that the parent said: in force here. */
  revision(): number | undefined;
  /** Of this run: documents that were changed here, and of which the parent's version came into force. */
  replaced(): Replaced;
  close(): void;
}

const againMs = 1000;
const mostNamed = 20;
/** Its own cell's documents, as the parent last had them. */
const tableName = 'parent';
const tableKey = 'base';

export function createFollowingStore({ store, audit, link, clock, log }: FollowingStoreOptions): FollowingStore {
  const table = store.table(tableName);
  let cell: string | undefined;
  let base: ReadonlyMap<string, string> | undefined;
  let revision: number | undefined;
  let replaced: Replaced = { count: 0 };
  let syncing = false;
  /** Why it has to be compared again: the parent's documents changed, or ours. */
  let due: 'parent' | 'own' | undefined;
  let closed = false;
  let cancel = (): void => {};
  void link.cell().then((found) => {
    cell = found;
    want('parent');
  });
  const ends = [
    link.documents.watch(() => want('parent')),
    store.watch(({ kind }) => {
      // What is applied below comes here as well: compared again, it is equal. An edit that arrives meanwhile must not be missed.
      if (kind === 'state') want('own');
    }),
  ];

  function rights() {
    return cell === undefined ? undefined : store.state()?.mesh?.cells.get(cell)?.controlPlane?.localChanges;
  }

  function isOwn(key: string): boolean {
    const [, first, second] = key.split('/');
    return second !== undefined && first === cell;
  }

  function want(why: 'parent' | 'own'): void {
    due = due === 'parent' ? due : why;
    cancel();
    if (!syncing && !closed) void run();
  }

  async function run(): Promise<void> {
    syncing = true;
    try {
      for (let why = due; why !== undefined && !closed; why = due) {
        due = undefined;
        await sync(why);
      }
    } catch (reason) {
      log.warn(
        { reason: CellwallError.from(reason).message },
        "the parent's documents are not taken yet: trying again",
      );
      cancel = clock.after(againMs, () => want('parent'));
    } finally {
      syncing = false;
    }
  }

  async function sync(why: 'parent' | 'own'): Promise<void> {
    const parent = link.documents.value();
    if (parent === undefined || cell === undefined) return;
    base ??= await readBase(table);
    const state = store.state();
    const own = new Map((state?.documents ?? []).map(({ key, text }) => [String(key), text]));
    const local = rights() ?? 'refused';
    const winner = local === 'local-wins' ? 'local' : 'parent';
    const input = { parent: parent.texts, own, base, winner } as const;
    const merged = merge({ ...input, mayChange: (key) => local !== 'refused' && isOwn(key) });
    const done = await apply(merged, why, state?.revision ?? 0);
    // Ours and theirs are not valid together.
    if (!done && merged.local.length > 0)
      await apply(merge({ ...input, mayChange: () => false }), why, state?.revision ?? 0, merged.local);
    else if (!done) return;
    revision = parent.revision;
    // The parent said otherwise just now.
    if ((rights() ?? 'refused') !== local) due = 'parent';
    if (!same(base, merged.base)) await table.set(tableKey, Object.fromEntries(merged.base));
    base = merged.base;
  }

  /** False if the result is not valid. */
  async function apply(
    { changes, conflicts, local }: Merged,
    why: 'parent' | 'own',
    expectedRevision: number,
    dropped: readonly string[] = [],
  ): Promise<boolean> {
    const keys = [...changes.keys()];
    const lost = [...dropped, ...(why === 'own' ? keys : conflicts.filter((key) => changes.has(key)))];
    const kept = conflicts.filter((key) => local.includes(key));
    if (changes.size > 0) {
      const list = [...changes].map(([key, text]): Change => {
        // As the parent's store has it.
        const of = key as DocumentKey;
        return text === undefined ? { op: 'delete', key: of } : { op: 'put', key: of, text };
      });
      const result = await store.apply(list, { author: 'parent', expectedRevision });
      if (result.kind === 'invalid') {
        const [first] = result.problems;
        log.error(
          { problems: result.problems.length, first: first?.message },
          "the parent's documents are not valid here",
        );
        return false;
      }
      if (result.kind === 'applied') {
        const reason = lost.length === 0 ? undefined : `in place of what was changed here: ${lost.join(', ')}`;
        const event = {
          kind: 'documents-applied',
          author: 'parent',
          revision: result.revision,
          urgent: false,
        } as const;
        log.info({ revision: result.revision, changed: result.changed, author: 'parent' }, 'documents applied');
        await audit.append({ ...event, changed: result.changed, ...(reason === undefined ? {} : { reason }) });
      }
    }
    if (lost.length > 0) {
      const last = { at: clock.now(), documents: lost.slice(0, mostNamed) };
      replaced = { count: replaced.count + lost.length, last };
    }
    if (lost.length > 0) log.warn({ documents: lost }, "changed here, and replaced by the parent's version");
    if (kept.length > 0) log.warn({ documents: kept }, "changed here and at the parent: this cell's version stays");
    return true;
  }

  return {
    store: {
      ...store,
      async apply(changes, options) {
        const may = rights() ?? 'refused';
        const foreign = changes.filter(({ key }) => may === 'refused' || !isOwn(key)).map(({ key }) => key);
        if (foreign.length === 0) return store.apply(changes, options);
        throw new CellwallError(
          'failed_precondition',
          `this control plane follows another: it does not change ${foreign.slice(0, 3).join(', ')}`,
          {
            hint:
              may === 'refused'
                ? 'change it at the parent; "controlPlane.localChanges" of the Cell allows changes of its own documents here'
                : `change it at the parent; here only documents of the cell ${cell ?? ''} can be changed`,
          },
        );
      },
    },
    revision: () => revision,
    replaced: () => replaced,
    close() {
      closed = true;
      cancel();
      for (const end of ends) end();
    },
  };
}

async function readBase(table: Table): Promise<ReadonlyMap<string, string>> {
  const stored = Object.entries(Object((await table.get(tableKey)) ?? {}));
  return new Map(stored.filter((pair): pair is [string, string] => typeof pair[1] === 'string'));
}

function same(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([key, version]) => b.get(key) === version);
}
