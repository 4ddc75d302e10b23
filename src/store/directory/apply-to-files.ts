// `apply` on a directory: edits of documents become edits of files, with a journal, so that either all of them happen or none.
import { CellwallError } from '../../lib/errors.ts';
import type { DocumentKey } from '../../model/documents/document.ts';
import type { Problem } from '../../model/problem.ts';
import { wantedRevision } from '../next-revision.ts';
import type { Planner } from '../planner.ts';
import { refuseConflict, requireState } from '../refuse.ts';
import type { JournalEntry, StateDatabase } from '../sqlite/state-database.ts';
import type { ApplyOptions, ApplyResult, Change } from '../store.ts';
import { textsInForce } from './held.ts';
import type { InForce } from './in-force.ts';
import type { DocumentFiles } from './judge-files.ts';
import type { FileEdits, FilePlan } from './plan-files.ts';
import { prepareWrite, stillBefore } from './write-files.ts';

export interface ApplyDeps {
  readonly root: string;
  readonly planner: Planner<FilePlan>;
  readonly database: StateDatabase;
  readonly inForce: InForce;
  /** Whether that document is in force, while the file edit that it came with is not yet. */
  readonly waiting: (key: DocumentKey) => boolean;
  /** Whether an edit of the files waits until they are quiet. */
  readonly settling: () => boolean;
  /** Reads the directory again. */
  readonly reload: () => Promise<void>;
  /** Judges the current content again, soon. */
  readonly rejudge: () => void;
  /** Called before watchers are: these were written, and the texts that were known are `after` now. */
  readonly onWritten: (
    journal: readonly JournalEntry[],
    before: DocumentFiles['texts'] | undefined,
    after: DocumentFiles['texts'],
  ) => void;
}

const maxAttempts = 3;

/** `settling`, if it `mayWait`: the file that it would write was just edited by others, and that edit is not in force yet. */
export async function applyToFiles(
  deps: ApplyDeps,
  changes: readonly Change[],
  options: ApplyOptions,
  mayWait: boolean,
): Promise<ApplyResult | { readonly kind: 'settling' }> {
  const { planner, inForce, reload } = deps;
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const base = requireState(inForce.state(), inForce.whyNot());
    refuseConflict(base.revision, options);
    const plan = planner.plan(base, changes);
    if (plan.kind === 'invalid') return { kind: 'invalid', problems: plan.problems };
    if (plan.kind === 'unchanged') {
      const revision = renumber(deps, wantedRevision(base, options));
      if (revision !== undefined) return { kind: 'applied', revision, changed: [], warnings: plan.problems };
      // Somebody would think that the files are as they were sent.
      const other = inForce.problems().map((problem): Problem => ({ ...problem, severity: 'warning' }));
      return { kind: 'unchanged', revision: base.revision, warnings: [...plan.problems, ...other] };
    }
    const { changed, problems: warnings } = plan;
    if (changed.some(deps.waiting)) {
      if (mayWait) return { kind: 'settling' };
      break;
    }
    const doubtful = inForce.problems().length > 0 || inForce.held().size > 0;
    if (await write(deps, plan, options)) {
      const revision = wantedRevision(base, options) ?? base.revision + 1;
      // What is held back, and why, may have changed.
      if (doubtful) deps.rejudge();
      return { kind: 'applied', revision, changed, warnings };
    }
    // Somebody edited a file meanwhile: first read that, then try on top of it.
    planner.forget(changes);
    await reload();
    if (mayWait && deps.settling()) return { kind: 'settling' };
  }
  throw new CellwallError('aborted', 'a file was edited outside at the same time', {
    hint: inForce.problems().length > 0 ? `it has problems: correct it first (${inForce.whyNot()})` : 'apply again',
  });
}

/** False if a file is no longer what we know: then nothing was written. */
async function write(
  { root, database, inForce, onWritten }: ApplyDeps,
  { base, after, journal, files, held, conflict }: FileEdits,
  options: ApplyOptions,
): Promise<boolean> {
  if (conflict !== undefined) {
    throw new CellwallError('aborted', `the file of ${conflict} holds an edit that is not in force yet`, {
      hint: 'revert it there first, or apply the same text with --force',
    });
  }
  if (!(await stillBefore(root, journal))) return false;
  if (files.unreadable.length > 0) {
    throw new CellwallError('internal', 'the edited files would not be readable; nothing was written');
  }
  const prepared = await prepareWrite(root, journal);
  const revision = wantedRevision(base, options) ?? base.revision + 1;
  try {
    // Once more, as close to the renames as possible.
    if (!(await stillBefore(root, journal))) {
      await prepared.discard();
      return false;
    }
    database.save({ revision, files: textsInForce(files, held) }, journal);
  } catch (reason) {
    await prepared.discard();
    throw reason;
  }
  try {
    await prepared.commit();
  } catch (reason) {
    const known = inForce.files();
    const back = known === undefined ? new Map<string, string>() : textsInForce(known, inForce.held());
    database.save({ revision: base.revision, files: back }, []);
    throw reason;
  }
  onWritten(journal, inForce.files()?.texts, files.texts);
  inForce.applied({ ...after, revision }, files, held, options);
  database.clearJournal();
  return true;
}

/** The same documents under another revision; undefined if it stays. */
function renumber({ inForce, database }: ApplyDeps, revision: number | undefined): number | undefined {
  const [state, files] = [inForce.state(), inForce.files()];
  if (revision === undefined || state === undefined || files === undefined) return undefined;
  database.save({ revision, files: textsInForce(files, inForce.held()) }, []);
  inForce.applied({ ...state, revision }, files, inForce.held(), {});
  return revision;
}
