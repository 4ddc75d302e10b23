// All that a store holds, as it is moved to another one: documents at their revision, and every table (the history is one of them).
import { CellwallError } from '../../lib/errors.ts';
import type { DocumentKey } from '../../model/documents/document.ts';
import { formatProblem, type Problem } from '../../model/problem.ts';
import { type Change, nothingStored, type Store, type StoredEntry } from '../store.ts';

export interface StoreContent {
  readonly revision: number;
  /** In the order of their keys. */
  readonly documents: readonly { readonly key: DocumentKey; readonly text: string }[];
  readonly entries: readonly StoredEntry[];
}

/** At one moment. Throws `failed_precondition` if something else is stored than what is in force, `aborted` if others keep writing. */
export async function readContent(store: Store): Promise<StoreContent> {
  const away = store.trouble?.();
  const state = store.state();
  if (away !== undefined || state === undefined) {
    throw new CellwallError('unavailable', `the store cannot be read: ${away?.reason ?? 'nothing could be loaded'}`);
  }
  const [problem] = store.problems();
  if (problem !== undefined) {
    throw new CellwallError('failed_precondition', `not all that is stored is in force: ${firstLine(problem)}`, {
      hint: 'mend that first: only what is in force can be moved',
    });
  }
  const waiting = (store.direct?.waiting() ?? []).flatMap(({ changes }) => changes.map(({ key }) => key));
  if (waiting.length > 0) {
    throw new CellwallError(
      'failed_precondition',
      `edits in the store wait for approval: ${waiting.slice(0, 5).join(', ')}`,
      {
        hint: 'only what is in force can be moved: start a control plane, and approve or reject them (cellwall waiting)',
      },
    );
  }
  const entries =
    (await store.entries?.()) ?? refuse('a store of this kind cannot be moved: nothing of it outlives the process');
  if (store.state() !== state)
    throw new CellwallError('aborted', 'documents were changed meanwhile', { hint: 'again' });
  return { revision: state.revision, documents: state.documents.map(({ key, text }) => ({ key, text })), entries };
}

export interface Written {
  readonly revision: number;
  readonly documents: number;
  readonly entries: number;
}

/**
 * Makes it the content of `store`: the documents last, so that what is cut short is not taken for complete. Entries whose time is over are
 * left out. Throws `failed_precondition` if there is something already, unless it may be replaced.
 */
export async function writeContent(
  store: Store,
  content: StoreContent,
  { replace, now }: { readonly replace: boolean; readonly now: number },
): Promise<Written> {
  const away = store.trouble?.();
  const [problem] = store.problems();
  if (!replace && problem !== undefined) {
    throw new CellwallError('failed_precondition', `the store holds what is not ours: ${firstLine(problem)}`, {
      hint: 'is it the right one? --replace removes what it holds',
    });
  }
  const state = store.state() ?? (problem === undefined ? undefined : nothingStored);
  if (away !== undefined || state === undefined) {
    throw new CellwallError('unavailable', `the store cannot be written: ${away?.reason ?? 'nothing could be loaded'}`);
  }
  const before =
    (await store.entries?.()) ??
    refuse('nothing can be moved to a store of this kind: nothing of it outlives the process');
  const others = before.filter(({ table }) => table !== markTable);
  if (!replace && (state.documents.length > 0 || others.length > 0)) {
    throw new CellwallError(
      'failed_precondition',
      `the store is not empty: ${state.documents.length} documents at revision ${state.revision}, ${others.length} entries of tables`,
      { hint: 'is it the right one? --replace removes what it holds' },
    );
  }
  const wanted = new Set(content.documents.map(({ key }) => key));
  const changes: Change[] = [
    ...content.documents.map(({ key, text }): Change => ({ op: 'put', key, text })),
    ...state.documents.filter(({ key }) => !wanted.has(key)).map(({ key }): Change => ({ op: 'delete', key })),
  ];
  const planned = store.plan(changes);
  if (planned.kind === 'invalid') throw invalid(planned.problems.map(formatProblem));
  await each(others, ({ table, key }) => store.table(table).delete(key));
  const live = content.entries.filter(({ until }) => until === undefined || until > now);
  await each(live, async ({ table, key, value, until }) => {
    const options = until === undefined ? {} : { ttlMs: until - now };
    if (table !== markTable) return store.table(table).set(key, value, options);
    const { won, value: there } = await store.table(table).claim(key, value, options);
    if (won || there === value) return;
    throw new CellwallError('failed_precondition', 'the store belongs to another CA than its content');
  });
  const result = await store.apply(changes, { author: 'store import', revision: content.revision });
  if (result.kind === 'invalid') throw invalid(result.problems.map(formatProblem));
  return { revision: result.revision, documents: content.documents.length, entries: live.length };
}

/** Which CA a store belongs to is claimed once, and never removed: another CA's content is refused by that. */
const markTable = 'authority';
const atATime = 100;

async function each<T>(all: readonly T[], task: (one: T) => Promise<void>): Promise<void> {
  for (let from = 0; from < all.length; from += atATime) await Promise.all(all.slice(from, from + atATime).map(task));
}

function refuse(message: string): never {
  throw new CellwallError('unimplemented', message);
}

function invalid(problems: readonly string[]): CellwallError {
  return new CellwallError('invalid_argument', `its documents are not valid here: ${problems.slice(0, 5).join('; ')}`);
}

/** Without its hint, which is for who mends a document. */
function firstLine(problem: Problem): string {
  return formatProblem(problem).split('\n')[0] ?? '';
}
