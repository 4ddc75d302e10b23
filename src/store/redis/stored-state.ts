// What Redis contains, and what to do with it: a state to adopt, or the reason not to. Redis is not trusted: a state counts only if a
// control plane has sealed it, and it is later than every one that was seen here. Pure.
import { CellwallError } from '../../lib/errors.ts';
import type { Seal } from '../../lib/seal.ts';
import type { Json } from '../../lib/table.ts';
import { parseDocuments } from '../../model/parse.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import type { Problem } from '../../model/problem.ts';
import { errorsAmong, judgeOnce } from '../judge-once.ts';
import { sameDocuments, sortDocuments } from '../plan-changes.ts';
import type { StateCheck, StoreState } from '../store.ts';
import { tooLarge } from './redis-error.ts';

/** As read, atomically. */
export interface StoredState {
  /** Created at the first apply; '' in an empty keyspace. */
  readonly epoch: string;
  readonly revision: number;
  /** The revision as it is written there, which may be anything. */
  readonly writtenRevision: string;
  readonly seal: string;
  readonly urgent: boolean;
  readonly texts: ReadonlyMap<string, string>;
}

/** What we have adopted before. */
export interface Known {
  readonly epoch: string;
  readonly state: StoreState;
}

/** The latest that was seen here, whether or not its documents can still be read. */
export interface Seen {
  readonly epoch: string;
  readonly revision: number;
}

export type Judgement =
  | { readonly kind: 'good'; readonly known: Known; readonly changed: boolean }
  /**
   * Lost or damaged, not changed by an apply: the next apply writes everything again. `lost`: it is gone, or older than it was, which
   * nobody can have intended.
   */
  | { readonly kind: 'damaged'; readonly lost: boolean; readonly problems: readonly Problem[] }
  /** Somebody else's: nothing for us, and nobody overwrites it. */
  | { readonly kind: 'foreign'; readonly problems: readonly Problem[] };

export interface JudgeDeps {
  readonly check: StateCheck;
  readonly seal: Seal;
  /** Why some of them may not come into force, before anything is made of them. */
  readonly refused?: (
    known: Known | undefined,
    found: readonly ParsedDocument[],
  ) => { readonly problem: Problem; readonly othersChanged: boolean } | undefined;
  /** Place of problems that are not about a document. */
  readonly file: string;
}

/** Maximum number of manually changed documents that are named. */
const maxNamed = 20;
const again = 'it is written anew from the last good state, soon by itself, or with the next apply';

export function judgeStored(
  stored: StoredState,
  known: Known | undefined,
  seen: Seen | undefined,
  { check, seal, refused, file }: JudgeDeps,
): Judgement {
  const problem = (code: string, message: string, hint: string): Problem => {
    return { severity: 'error', code, message, hint, source: { file, line: 1, column: 1 } };
  };
  const damaged = (...found: readonly Problem[]): Judgement => ({ kind: 'damaged', lost: false, problems: found });
  const lost = (code: string, message: string): Judgement => {
    return { kind: 'damaged', lost: true, problems: [problem(code, message, again)] };
  };
  if (seen !== undefined) {
    if (stored.epoch === '') return lost('store-emptied', 'Redis lost all documents');
    if (stored.epoch !== seen.epoch) {
      const hint = 'is the address right? Restart without the state folder to take the new documents over';
      const message = 'Redis holds the documents of another deployment';
      return { kind: 'foreign', problems: [problem('store-replaced', message, hint)] };
    }
    // Redis evicts key by key; and to be without any document is nobody's wish.
    if (stored.texts.size === 0 && (known?.state.documents.length ?? 1) > 0) {
      return lost('store-emptied', 'Redis lost the documents');
    }
    if (stored.seal === '' && stored.writtenRevision === '0') return lost('store-emptied', 'Redis lost the revision');
  }
  // If nothing was ever applied, nothing is wrong yet: the first apply fills it.
  const fresh = stored.epoch === '' && stored.texts.size === 0;
  if (!fresh && !seal.holds(stored.seal, sealedContent(stored))) {
    return damaged(...handMade(stored.texts, known, problem, file));
  }
  if (seen !== undefined && stored.revision < seen.revision) {
    const message = `Redis went back from revision ${seen.revision} to ${stored.revision}`;
    return lost('store-went-back', message);
  }
  const documents: ParsedDocument[] = [];
  const problems: Problem[] = [];
  const before = new Map(known?.state.documents.map((document) => [String(document.key), document]));
  for (const [key, text] of stored.texts) {
    const same = before.get(key);
    if (same?.text === text) {
      documents.push(same);
      continue;
    }
    const parsed = parseDocuments(text, key);
    if (parsed.kind === 'invalid') problems.push(...parsed.problems);
    else if (parsed.documents.length === 1 && parsed.documents[0]?.key === key) documents.push(...parsed.documents);
    else
      problems.push({
        severity: 'error',
        code: 'wrong-key',
        message: `not the document ${key}`,
        source: { file: key, line: 1, column: 1 },
      });
  }
  if (problems.length > 0) return { kind: 'foreign', problems };
  const sorted = sortDocuments(documents);
  const kept = refused?.(known, sorted);
  if (kept?.othersChanged === true) return { kind: 'foreign', problems: [kept.problem] };
  if (kept !== undefined) return damaged(kept.problem);
  const judged = fresh ? { documents: sorted, problems } : judgeOnce(sorted, check, [known?.state]);
  const errors = errorsAmong(judged.problems);
  if (errors.length > 0) return { kind: 'foreign', problems: errors };
  const state: StoreState = { ...judged, revision: stored.revision };
  const same = known !== undefined && sameDocuments(known.state.documents, sorted);
  if (known !== undefined && known.state.revision === state.revision && !same) {
    const message = `Redis holds another revision ${state.revision} than was in force`;
    return damaged(
      problem('store-repeated', message, 'the next apply writes everything anew, from the last good state'),
    );
  }
  const changed = known?.state.revision !== state.revision || !same;
  return {
    kind: 'good',
    known: { epoch: stored.epoch, state: changed || known === undefined ? state : known.state },
    changed,
  };
}

/** What was seen before this start, or what is in force: that may be earlier, if the control plane started on its last good state. */
export function latest(before: Seen | undefined, known: Known | undefined): Seen | undefined {
  if (known === undefined || known.epoch === '') return before;
  const now = { epoch: known.epoch, revision: known.state.revision };
  return before?.epoch === now.epoch && before.revision > now.revision ? before : now;
}

/** Redis answers, but not with what can be read. */
export function unreadable(
  file: string,
  { message, hint = 'remove what others wrote under these keys' }: CellwallError,
): Problem {
  return { severity: 'error', code: 'store-unreadable', message, hint, source: { file, line: 1, column: 1 } };
}

/** What was changed without a seal, document by document where that can be determined. */
function handMade(
  texts: ReadonlyMap<string, string>,
  known: Known | undefined,
  problem: (code: string, message: string, hint: string) => Problem,
  file: string,
): readonly Problem[] {
  const whole = problem(
    'changed-outside',
    'what stands in Redis was not written by this control plane: it carries no seal of its seal.key',
    'documents are changed with cellwall apply; apply any change, and everything is written anew from the last good state',
  );
  const before = known === undefined ? undefined : textsOf(known.state.documents);
  if (before === undefined) return [whole];
  const keys = [...new Set([...before.keys(), ...texts.keys()])].filter((key) => before.get(key) !== texts.get(key));
  const named = keys.sort().slice(0, maxNamed);
  return [
    whole,
    ...named.map((key): Problem => {
      const what = !texts.has(key) ? 'removed' : before.has(key) ? 'changed' : 'added';
      const hint = `if it is meant: redis-cli HGET ${file} KEY, look at it, and cellwall apply -f`;
      const source = { file: key.slice(0, 200), line: 1, column: 1 };
      return {
        severity: 'error',
        code: 'changed-outside',
        message: `${what} in Redis by hand: not in force`,
        hint,
        source,
      };
    }),
  ];
}

/** What a seal covers: nothing can be exchanged between two states. */
export function sealedContent({
  epoch,
  revision,
  urgent,
  texts,
}: Pick<StoredState, 'epoch' | 'revision' | 'urgent' | 'texts'>): readonly Json[] {
  return ['redis-state', epoch, revision, urgent, [...texts].sort(([a], [b]) => (a < b ? -1 : 1))];
}

export function textsOf(documents: readonly ParsedDocument[]): ReadonlyMap<string, string> {
  return new Map(documents.map(({ key, text }) => [key, text]));
}

/** The read script's answer; undefined for `same`. Throws if it is too large to be ours. */
export function parseStored(reply: unknown): StoredState | undefined {
  const [kind, epoch, revision, seal, urgent, flat]: readonly unknown[] = Array.isArray(reply) ? reply : [];
  if (kind === 'too-large') {
    throw new CellwallError('unavailable', tooLarge, {
      hint: 'somebody else writes there: remove it; what is in force stays',
    });
  }
  if (kind !== 'state') return undefined;
  const texts = new Map<string, string>();
  const list: readonly unknown[] = Array.isArray(flat) ? flat : [];
  for (let index = 0; index + 1 < list.length; index += 2) texts.set(String(list[index]), String(list[index + 1]));
  const count = Number(revision);
  return {
    epoch: String(epoch),
    revision: Number.isSafeInteger(count) && count >= 0 ? count : 0,
    writtenRevision: String(revision),
    seal: String(seal),
    urgent: urgent === '1',
    texts,
  };
}
