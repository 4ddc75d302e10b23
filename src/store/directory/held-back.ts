// What of an edit is held back: as `Holding` says, or all of it where the rest does not fit together without that. Pure but for it.
import { changedKeys } from '../../model/changed-keys.ts';
import type { DocumentKey } from '../../model/documents/document.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import type { Problem } from '../../model/problem.ts';
import type { Holding, StateCheck } from '../store.ts';
import { type Held, nothingHeld, withHeld } from './held.ts';

export interface HeldBackDeps {
  readonly holding: Holding | undefined;
  readonly check: StateCheck;
}

export function heldBack(
  { holding, check }: HeldBackDeps,
  before: readonly ParsedDocument[],
  after: readonly ParsedDocument[],
): { readonly held: Held; readonly problems: readonly Problem[] } {
  const hold = holding?.hold(before, after);
  if (hold === undefined) return { held: nothingHeld, problems: [] };
  const part = asBefore(before, hold.keep);
  const wrong = check(withHeld(after, part)).find(({ severity }) => severity === 'error');
  if (wrong === undefined) return { held: part, problems: hold.problems };
  const message = `all of the edit waits, as the rest cannot go without what waits: ${wrong.message}`;
  return {
    held: asBefore(before, changedKeys(before, after)),
    problems: [...hold.problems, { ...wrong, code: 'held-with-it', message }],
  };
}

function asBefore(before: readonly ParsedDocument[], keep: readonly DocumentKey[]): Held {
  const known = new Map(before.map((document) => [document.key, document]));
  return new Map(keep.map((key) => [key, known.get(key)]));
}
