// Turns changes of documents into the resulting edits of files: which files, and what would be in force then. Pure except for the check.

import { defined } from '../../lib/defined.ts';
import { withValues } from '../../lib/in-step.ts';
import type { DocumentKey } from '../../model/documents/document.ts';
import { relocate } from '../../model/relocate.ts';
import { errorsAmong, judgeOnce } from '../judge-once.ts';
import type { StateCheck } from '../judges.ts';
import { type Edit, planChanges, sameText } from '../plan-changes.ts';
import type { JournalEntry } from '../sqlite/state-database.ts';
import type { Change, Judged, Planned, StoreState } from '../store.ts';
import { editFiles } from './edit-files.ts';
import { type Held, withHeld } from './held.ts';
import type { InForce } from './in-force.ts';
import { type DocumentFiles, type OnParsed, readFiles } from './judge-files.ts';

export type FilePlan = FileEdits | Exclude<Planned, { readonly kind: 'next' }>;

export interface FileEdits {
  readonly kind: 'next';
  readonly base: StoreState;
  readonly after: Judged;
  readonly problems: Planned['problems'];
  readonly changed: readonly DocumentKey[];
  readonly journal: readonly JournalEntry[];
  /** As they will be. */
  readonly files: DocumentFiles;
  /** What stays in force instead of what they say. */
  readonly held: Held;
  /** Its file says something else, which waits: that edit would be lost. */
  readonly conflict?: DocumentKey;
}

export interface PlanFilesDeps {
  readonly inForce: Pick<InForce, 'files' | 'held'>;
  readonly check: StateCheck;
  /** Whether a file with that name was there when last read. */
  readonly taken: (file: string) => boolean;
  readonly onParsed?: OnParsed;
}

export function planFiles(
  { inForce, check, taken, onParsed = () => {} }: PlanFilesDeps,
  base: StoreState,
  changes: readonly Change[],
): FilePlan {
  const plan = planChanges(base.documents, changes, onParsed);
  if (plan.kind === 'invalid') return { base, ...plan };
  if (plan.kind === 'unchanged') {
    return { kind: 'unchanged', base, problems: relocate(base.problems, base.documents, plan.sent) };
  }
  const { edits, documents } = plan;
  const known = inForce.files();
  const before: DocumentFiles['texts'] = known?.texts ?? new Map();
  const journal = [...editFiles(known ?? { files: new Map(), documents: [] }, edits, taken)]
    .map(([path, after]): JournalEntry => ({ path, before: before.get(path) ?? null, after }))
    .filter((entry) => entry.before !== entry.after);
  const made = new Map(edits.flatMap(({ document }) => (document === undefined ? [] : [[document.text, document]])));
  const files = readFiles(withJournal(before, journal), known, { made, onParsed });
  const { held, conflict } = heldAfter(known, inForce.held(), edits);
  const after = judgeOnce(withHeld(files.documents, held), check, [base]);
  const problems = relocate(after.problems, after.documents, documents);
  if (errorsAmong(problems).length > 0) return { kind: 'invalid', base, problems };
  const changed = edits.map(({ key }) => key);
  return {
    ...{ kind: 'next', base, after, problems, changed, journal, files, held },
    ...defined({ conflict }),
  };
}

/** What stays held: a document that is applied no longer is. */
function heldAfter(
  known: DocumentFiles | undefined,
  held: Held,
  edits: readonly Edit[],
): { readonly held: Held; readonly conflict: DocumentKey | undefined } {
  if (held.size === 0) return { held, conflict: undefined };
  const written = new Map(known?.documents.map((document) => [document.key, document]));
  const lost = edits.find(
    ({ key, document }) => held.has(key) && !sameText(written.get(key)?.text ?? '', document?.text ?? ''),
  );
  const applied = new Set(edits.map(({ key }) => key));
  return { held: new Map([...held].filter(([key]) => !applied.has(key))), conflict: lost?.key };
}

/** The files' texts after the write. */
export function withJournal(
  files: ReadonlyMap<string, string>,
  journal: readonly JournalEntry[],
): ReadonlyMap<string, string> {
  const written = journal.flatMap(({ path, after }) => (after === null ? [] : [[path, after] as const]));
  const removed = journal.flatMap(({ path, after }) => (after === null ? [path] : []));
  const next = withValues(files, written);
  if (removed.length === 0) return next;
  const left = new Map(next);
  for (const path of removed) left.delete(path);
  return left;
}
