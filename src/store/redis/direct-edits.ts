// What somebody wrote into Redis directly, judged as any edit: what is invalid stays out, each with its key and line; what may not come
// into force without approval waits; the rest comes into force. Pure, except for the check and the review.
import { defined } from '../../lib/defined.ts';
import type { Json } from '../../lib/table.ts';
import type { DocumentKey } from '../../model/documents/document.ts';
import type { ParseResult } from '../../model/parse.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import type { Problem } from '../../model/problem.ts';
import { errorsAmong, judgeOnce } from '../judge-once.ts';
import type { DirectReview, StateCheck } from '../judges.ts';
import { documentOf, type Edit, planChanges, withEdits } from '../plan-changes.ts';
import type { Change, Judged } from '../store.ts';
import type { WaitingChange } from '../waiting-change.ts';

export type WaitingEdit = Omit<WaitingChange, 'since'>;

export interface DirectJudgement {
  /** What comes into force: absent if nothing does. */
  readonly next?: { readonly after: Judged; readonly edits: readonly Edit[] };
  readonly waiting: readonly WaitingEdit[];
  /** What stays out, and why. */
  readonly problems: readonly Problem[];
}

export interface JudgeDirectDeps {
  readonly check: StateCheck;
  readonly review: Pick<DirectReview, 'reasons'>;
  readonly author: string;
  /** What waited when it was last judged. */
  readonly waited: readonly WaitingEdit[];
  /** `parseDocuments`, which remembers. */
  readonly parse: (key: string, text: string) => ParseResult;
  /** Names what waits: nobody who writes there can compute it. */
  readonly name: (content: readonly Json[]) => string;
}

/** Of these each is judged by itself; of more, only all of them together, and so is what is too much at once. */
const maxAlone = 50;
const maxProblems = 20;
const maxEdits = 500;
const maxBytes = 1024 * 1024;
const maxKey = 256;

const needsOthers = 'it needs others of the edits that wait';

/** `edited`: texts by key, `undefined` for what was removed. Undefined while the review cannot answer yet. */
export function judgeDirect(
  base: Judged,
  edited: ReadonlyMap<string, string | undefined>,
  deps: JudgeDirectDeps,
): DirectJudgement | undefined {
  const found = judge(base, edited, deps);
  // What waited goes on waiting as long as it stands there: it does not come into force because time passes, or others were approved.
  const stays = (found?.next?.edits ?? []).flatMap((edit) => stillWaits(base, edit, deps.waited));
  if (found === undefined || stays.length === 0) return found;
  const keys = new Set<string>(stays.flatMap(({ changes }) => changes.map(({ key }) => key)));
  const rest = judge(base, new Map([...edited].filter(([key]) => !keys.has(key))), deps);
  if (rest === undefined) return undefined;
  // What is not valid without them waits with them.
  const known = new Set(found.problems.map(({ source }) => source.file));
  const needing = new Map(
    rest.problems.flatMap((problem) => (known.has(problem.source.file) ? [] : [[problem.source.file, problem]])),
  );
  const edits = (found.next?.edits ?? []).filter(({ key }) => needing.has(key));
  const waiting = edits.map((edit) =>
    waitingEdit(base.documents, edit, [`${needsOthers}: ${needing.get(edit.key)?.message}`], [], deps),
  );
  const problems = rest.problems.filter(
    ({ source }) => !waiting.some(({ changes }) => changes[0]?.key === source.file),
  );
  return { ...rest, waiting: [...stays, ...rest.waiting, ...waiting], problems };
}

/** As it was told, if it waited for more than for others, and is the same change still. */
function stillWaits(base: Judged, { key, document }: Edit, waited: readonly WaitingEdit[]): readonly WaitingEdit[] {
  const [was, is] = [documentOf(base.documents, key)?.text, document?.text];
  const told = waited.find(
    ({ changes: [change] }) => change?.key === key && change.before === was && change.after === is,
  );
  return told?.reasons.every((reason) => reason.startsWith(needsOthers)) === false ? [told] : [];
}

function judge(
  base: Judged,
  edited: ReadonlyMap<string, string | undefined>,
  deps: JudgeDirectDeps,
): DirectJudgement | undefined {
  const { check, review } = deps;
  const tooLarge = tooMuch(edited);
  if (tooLarge !== undefined) return { waiting: [], problems: [tooLarge] };
  const problems: Problem[] = [];
  const candidates: Edit[] = [];
  for (const [key, text] of edited) {
    const parsed = text === undefined ? undefined : deps.parse(key, text);
    if (parsed?.kind === 'invalid') problems.push(...parsed.problems);
    if (parsed?.kind === 'invalid') continue;
    const plan = planChanges(base.documents, [changeOf(key as DocumentKey, text, parsed?.documents[0])]);
    if (plan.kind === 'invalid') problems.push(...plan.problems);
    if (plan.kind === 'next') candidates.push(...plan.edits);
  }
  const judgeAll = (edits: readonly Edit[]): Judged =>
    edits.length === 0 ? base : judgeOnce(withEdits(base.documents, edits), check, [base]);
  const { valid, refused } = validAmong(candidates, judgeAll);
  problems.push(...refused);
  const told = problems.slice(0, maxProblems);
  if (valid.length === 0) return { waiting: [], problems: told };
  const together = judgeAll(valid);
  const reasons = review.reasons(base, together);
  if (reasons === undefined) return undefined;
  const isFree = reasons.bound.length + reasons.more.length === 0;
  if (isFree) return { next: { after: together, edits: valid }, waiting: [], problems: told };
  const named = (edit: Edit, bound: readonly string[], more: readonly string[]): WaitingEdit =>
    waitingEdit(base.documents, edit, bound, more, deps);
  if (valid.length > maxAlone || valid.length === 1 || reasons.whole === true) {
    return { waiting: valid.map((edit) => named(edit, reasons.bound, reasons.more)), problems: told };
  }
  // One by one, on top of what may come into force: what cannot stand alone may need another that waits.
  let free: readonly Edit[] = [];
  const waits = new Map<Edit, WaitingEdit>();
  for (let again = true; again; ) {
    again = false;
    for (const edit of valid) {
      if (free.includes(edit)) continue;
      const after = judgeAll([...free, edit]);
      const [error] = errorsAmong(after.problems);
      const own = error === undefined ? review.reasons(judgeAll(free), after) : undefined;
      if (own !== undefined && own.bound.length + own.more.length === 0) {
        free = [...free, edit];
        waits.delete(edit);
        again = true;
      } else {
        const needs = error === undefined ? [] : [`${needsOthers}: ${error.message}`];
        waits.set(edit, named(edit, [...needs, ...(own?.bound ?? [])], own?.more ?? []));
      }
    }
    // Only those that could not stand alone may do so now.
    if (![...waits.values()].some(({ reasons }) => reasons[0]?.startsWith(needsOthers))) break;
  }
  const waiting = [...waits.values()];
  return free.length === 0
    ? { waiting, problems: told }
    : { next: { after: judgeAll(free), edits: free }, waiting, problems: told };
}

function changeOf(key: DocumentKey, text: string | undefined, parsed: ParsedDocument | undefined): Change {
  return text === undefined ? { op: 'delete', key } : { op: 'put', key, text, ...defined({ parsed }) };
}

/** Nothing of it is read: reading takes time, and whoever writes there can write anything. */
function tooMuch(edited: ReadonlyMap<string, string | undefined>): Problem | undefined {
  const bytes = [...edited].reduce((sum, [key, text = '']) => sum + key.length + text.length, 0);
  const long = [...edited.keys()].find((key) => key.length > maxKey);
  if (edited.size <= maxEdits && bytes <= maxBytes && long === undefined) return undefined;
  const [key = ''] = long === undefined ? edited.keys() : [long];
  const message = `not in force: ${edited.size} documents were edited in Redis, ${bytes} bytes, ${key.length} in a name: too much`;
  const hint = `at once up to ${maxEdits} documents and ${maxBytes} bytes; use cellwall apply`;
  const source = { file: key.slice(0, maxKey), line: 1, column: 1 };
  return { severity: 'error', code: 'too-many-edits', message, hint, source };
}

/** The most of them that are valid together, as far as that is cheap to find: first without those at whose lines the errors are. */
function validAmong(
  candidates: readonly Edit[],
  judge: (edits: readonly Edit[]) => Judged,
): { readonly valid: readonly Edit[]; readonly refused: readonly Problem[] } {
  let valid = candidates;
  const refused: Problem[] = [];
  for (;;) {
    const errors = valid.length === 0 ? [] : errorsAmong(judge(valid).problems);
    if (errors.length === 0) return { valid, refused };
    const guilty = new Set(errors.map(({ source }) => source.file));
    const left = valid.filter(({ key, document }) => document === undefined || !guilty.has(key));
    if (left.length === valid.length) break;
    refused.push(...errors.filter(({ source }) => valid.some(({ key }) => key === source.file)));
    valid = left;
  }
  // The errors are in other documents: who caused them is found one by one.
  const fine: Edit[] = [];
  for (const [index, edit] of valid.entries()) {
    const [error] = index < maxAlone ? errorsAmong(judge([...fine, edit]).problems) : [tooMany(edit.key)];
    if (error === undefined) fine.push(edit);
    else refused.push(atEdit(edit, error));
  }
  return { valid: fine, refused };
}

function atEdit({ key, document }: Edit, error: Problem): Problem {
  const { file, line, column } = error.source;
  if (file === key) return error;
  const what = document === undefined ? 'removed' : 'changed';
  const message = `${what} in Redis, and not in force: ${file}:${line}:${column}: ${error.message}`;
  return { ...error, message, source: { file: key, line: 1, column: 1 } };
}

function tooMany(key: string): Problem {
  const message = 'not in force: too many documents were edited at once that do not fit together';
  const hint = 'correct those that are named, or use cellwall apply';
  return { severity: 'error', code: 'too-many-edits', message, hint, source: { file: key, line: 1, column: 1 } };
}

function waitingEdit(
  before: readonly ParsedDocument[],
  { key, document }: Edit,
  bound: readonly string[],
  more: readonly string[],
  { author, name }: JudgeDirectDeps,
): WaitingEdit {
  const [was, is] = [documentOf(before, key)?.text, document?.text];
  return {
    rev: name(['direct-edit', key, was ?? null, is ?? null, [...bound]]),
    ...{ origin: 'direct', author },
    changes: [{ key, ...(was === undefined ? {} : { before: was }), ...(is === undefined ? {} : { after: is }) }],
    reasons: [...bound, ...more],
  };
}
