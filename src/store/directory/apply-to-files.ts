// `apply` on a directory: edits of documents become edits of files, journalled, so that all of them happen or none.
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { DocumentKey } from '../../model/documents/document.ts';
import { type Edit, planChanges, sameText } from '../plan-changes.ts';
import { refuseConflict, requireState } from '../refuse.ts';
import type { JournalEntry, StateDatabase } from '../sqlite/state-database.ts';
import type { ApplyOptions, ApplyResult, Change, StateCheck, StoreState } from '../store.ts';
import { editFiles } from './edit-files.ts';
import { type Held, textsInForce, withHeld } from './held.ts';
import type { InForce } from './in-force.ts';
import { type JudgedFiles, judgeFiles } from './judge-files.ts';
import { prepareWrite, stillBefore } from './write-files.ts';

export interface ApplyDeps {
  readonly root: string;
  readonly check: StateCheck;
  readonly log: Log;
  readonly database: StateDatabase;
  readonly inForce: InForce;
  /** Whether a file of that name was there when last looked. */
  readonly taken: (file: string) => boolean;
  /** Whether that document is in force, but the edit of the files that it came with is not yet. */
  readonly waiting: (key: DocumentKey) => boolean;
  /** Whether an edit of the files waits until they are quiet. */
  readonly settling: () => boolean;
  /** Reads the directory anew. */
  readonly reload: () => Promise<void>;
  /** Judges what is there anew, soon. */
  readonly rejudge: () => void;
  /** Told before watchers are: these texts are our own writing. */
  readonly onWritten: (journal: readonly JournalEntry[]) => void;
}

const maxAttempts = 3;

/** `settling`, if it `mayWait`: what it would write to was just edited outside, and is not in force yet. */
export async function applyToFiles(
  deps: ApplyDeps,
  changes: readonly Change[],
  options: ApplyOptions,
  mayWait: boolean,
): Promise<ApplyResult | { readonly kind: 'settling' }> {
  const { check, log, inForce, reload } = deps;
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const base = requireState(inForce.state(), inForce.whyNot());
    refuseConflict(base.revision, options);
    const plan = planChanges(base.documents, changes, check);
    if (plan.kind === 'invalid') return plan;
    if (plan.kind === 'unchanged') return { kind: 'unchanged', revision: base.revision };
    if (plan.edits.some(({ key }) => deps.waiting(key))) {
      if (mayWait) return { kind: 'settling' };
      break;
    }
    const doubtful = inForce.problems().length > 0 || inForce.held().size > 0;
    if (await write(deps, base, plan.edits, options)) {
      const changed = plan.edits.map(({ key }) => key);
      const revision = base.revision + 1;
      log.info({ revision, author: options.author, changed }, 'documents applied');
      // What is held back, and why, may be another matter now.
      if (doubtful) deps.rejudge();
      return { kind: 'applied', revision, changed };
    }
    // Someone edited a file meanwhile: take that in first, then try on top of it.
    await reload();
    if (mayWait && deps.settling()) return { kind: 'settling' };
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
  const held = heldAfter(known, inForce.held(), edits);
  const journal: JournalEntry[] = [...editFiles(known?.files ?? new Map(), edits, taken)]
    .map(([path, after]) => ({ path, before: before.get(path) ?? null, after }))
    .filter((entry) => entry.before !== entry.after);
  if (!(await stillBefore(root, journal))) return false;
  const files = withJournal(before, journal);
  const made = new Map(edits.flatMap(({ document }) => (document === undefined ? [] : [[document.text, document]])));
  const judged = judgeFiles(files, known, () => [], made);
  if (judged.problems.length > 0) {
    throw new CellwallError('internal', 'the edited files would not be readable; nothing was written');
  }
  const prepared = await prepareWrite(root, journal);
  const revision = base.revision + 1;
  try {
    // Once more, as near to the renames as can be.
    if (!(await stillBefore(root, journal))) {
      await prepared.discard();
      return false;
    }
    database.save({ revision, files: textsInForce(judged, held) }, journal);
  } catch (reason) {
    await prepared.discard();
    throw reason;
  }
  try {
    await prepared.commit();
  } catch (reason) {
    const back = known === undefined ? before : textsInForce(known, inForce.held());
    database.save({ revision: base.revision, files: back }, []);
    throw reason;
  }
  onWritten(journal);
  inForce.applied({ revision, documents: withHeld(judged.documents, held) }, judged, held, urgent);
  database.clearJournal();
  return true;
}

/**
 * What stays held: a document that is applied is so no longer. Of one whose file says something else, that edit would be lost.
 */
function heldAfter(known: JudgedFiles | undefined, held: Held, edits: readonly Edit[]): Held {
  const written = new Map(known?.documents.map((document) => [document.key, document]));
  for (const { key, document } of edits) {
    if (!held.has(key) || sameText(written.get(key)?.text ?? '', document?.text ?? '')) continue;
    throw new CellwallError('aborted', `the file of ${key} holds an edit that is not in force yet`, {
      hint: 'revert it there first, or apply the same text with --force',
    });
  }
  const applied = new Set(edits.map(({ key }) => key));
  return new Map([...held].filter(([key]) => !applied.has(key)));
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
