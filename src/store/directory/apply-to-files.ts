// `apply` on a directory: edits of documents become edits of files, journalled, so that all of them happen or none.
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import { type Edit, planChanges } from '../plan-changes.ts';
import { refuseConflict, requireState } from '../refuse.ts';
import type { JournalEntry, StateDatabase } from '../sqlite/state-database.ts';
import type { ApplyOptions, ApplyResult, Change, StateCheck, StoreState } from '../store.ts';
import { editFiles } from './edit-files.ts';
import type { InForce } from './in-force.ts';
import { judgeFiles } from './judge-files.ts';
import { currentText, prepareWrite } from './write-files.ts';

export interface ApplyDeps {
  readonly root: string;
  readonly check: StateCheck;
  readonly log: Log;
  readonly database: StateDatabase;
  readonly inForce: InForce;
  /** Whether a file of that name was there when last looked. */
  readonly taken: (file: string) => boolean;
  /** Reads the directory anew. */
  readonly reload: () => Promise<void>;
  /** Told before watchers are: these texts are our own writing. */
  readonly onWritten: (journal: readonly JournalEntry[]) => void;
}

const maxAttempts = 3;

export async function applyToFiles(
  deps: ApplyDeps,
  changes: readonly Change[],
  options: ApplyOptions,
): Promise<ApplyResult> {
  const { check, log, inForce, reload } = deps;
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const base = requireState(inForce.state(), inForce.whyNot());
    refuseConflict(base.revision, options);
    const plan = planChanges(base.documents, changes, check);
    if (plan.kind === 'invalid') return plan;
    if (plan.kind === 'unchanged') return { kind: 'unchanged', revision: base.revision };
    if (await write(deps, base, plan.edits, options)) {
      const changed = plan.edits.map(({ key }) => key);
      const revision = base.revision + 1;
      log.info({ revision, author: options.author, changed }, 'documents applied');
      return { kind: 'applied', revision, changed };
    }
    // Someone edited a file meanwhile: take that in first, then try on top of it.
    await reload();
  }
  throw new CellwallError('aborted', 'a file was edited outside at the same time', {
    hint: inForce.problems().length > 0 ? `it has problems: correct it first (${inForce.whyNot()})` : 'apply again',
  });
}

/** False if a file is no longer what we know of it: then nothing was written. */
async function write(
  { root, database, inForce, taken, onWritten }: ApplyDeps,
  base: StoreState,
  edits: readonly Edit[],
  { urgent = false }: ApplyOptions,
): Promise<boolean> {
  const known = inForce.files();
  const before: ReadonlyMap<string, string> = known?.texts ?? new Map();
  const journal: JournalEntry[] = [...editFiles(known?.files ?? new Map(), edits, taken)].map(([path, after]) => ({
    path,
    before: before.get(path) ?? null,
    after,
  }));
  if (!(await asKnown(root, journal))) return false;
  const files = withJournal(before, journal);
  const judged = judgeFiles(files, known, () => []);
  if (judged.problems.length > 0) {
    throw new CellwallError('internal', 'the edited files would not be readable; nothing was written');
  }
  const prepared = await prepareWrite(root, journal);
  const revision = base.revision + 1;
  try {
    // Once more, as near to the renames as can be.
    if (!(await asKnown(root, journal))) {
      await prepared.discard();
      return false;
    }
    database.save({ revision, files }, journal);
  } catch (reason) {
    await prepared.discard();
    throw reason;
  }
  try {
    await prepared.commit();
  } catch (reason) {
    database.save({ revision: base.revision, files: before }, []);
    throw reason;
  }
  onWritten(journal);
  inForce.applied({ revision, documents: judged.documents }, judged, urgent);
  database.clearJournal();
  return true;
}

async function asKnown(root: string, journal: readonly JournalEntry[]): Promise<boolean> {
  for (const { path, before } of journal) if ((await currentText(root, path)) !== before) return false;
  return true;
}

/** The files' texts after the write. */
export function withJournal(
  files: ReadonlyMap<string, string>,
  journal: readonly JournalEntry[],
): ReadonlyMap<string, string> {
  const result = new Map(files);
  for (const { path, after } of journal) {
    if (after === null) result.delete(path);
    else result.set(path, after);
  }
  return result;
}
