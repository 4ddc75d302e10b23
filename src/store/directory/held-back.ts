// Which part of an edit is held back: as `Holding` says, or all of it if the rest is not valid without that part. Pure except for it.
import { changedKeys } from '../../model/changed-keys.ts';
import type { DocumentKey } from '../../model/documents/document.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import type { Problem } from '../../model/problem.ts';
import { judgeOnce } from '../judge-once.ts';
import type { Holding, StateCheck } from '../judges.ts';
import type { Judged } from '../store.ts';
import { type Held, nothingHeld, withHeld } from './held.ts';

export interface HeldBackDeps {
  readonly holding: Holding | undefined;
  readonly check: StateCheck;
}

/** `problems` say why something is held, with the line in the documents. */
export interface HeldBack {
  readonly held: Held;
  /** What comes into force: all of `after` if nothing is held. */
  readonly rest: Judged;
  readonly problems: readonly Problem[];
}

/** `before` is in force, `after` what the files say. */
export function heldBack({ holding, check }: HeldBackDeps, before: Judged, after: Judged): HeldBack {
  const judge = (documents: readonly ParsedDocument[]): Judged => judgeOnce(documents, check, [before, after]);
  const hold = holding?.hold(before, after, judge);
  if (hold === undefined) return { held: nothingHeld, rest: after, problems: [] };
  const part = asBefore(before.documents, hold.keep);
  const rest = judgeOnce(withHeld(after.documents, part), check, [before, after, hold.rest]);
  const wrong = rest.problems.find(({ severity }) => severity === 'error');
  if (wrong === undefined) return { held: part, rest, problems: hold.problems };
  const message = `all of the edit waits, as the rest cannot go without what waits: ${wrong.message}`;
  const held = asBefore(before.documents, changedKeys(before.documents, after.documents));
  return {
    held,
    rest: judge(withHeld(after.documents, held)),
    problems: [...hold.problems, { ...wrong, code: 'held-with-it', message }],
  };
}

export function asBefore(before: readonly ParsedDocument[], keep: readonly DocumentKey[]): Held {
  const known = new Map(before.map((document) => [document.key, document]));
  return new Map(keep.map((key) => [key, known.get(key)]));
}
