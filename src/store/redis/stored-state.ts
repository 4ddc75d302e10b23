// What Redis contains, and what to do with it: a state to adopt, or the reason not to. Redis is not trusted: a state counts only if a
// control plane has sealed it, and it is later than every one that was seen here. What people edit is another copy of the documents
// (direct-edits.ts). Pure.
import type { CellwallError } from '../../lib/errors.ts';
import type { Seal } from '../../lib/seal.ts';
import { parseDocuments } from '../../model/parse.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import type { Problem } from '../../model/problem.ts';
import { errorsAmong, judgeOnce } from '../judge-once.ts';
import type { StateCheck } from '../judges.ts';
import { sameDocuments, sortDocuments } from '../plan-changes.ts';
import type { StoreState } from '../store.ts';

/** As read, atomically. */
export interface StoredState {
  /** Created at the first apply; '' in an empty keyspace. */
  readonly epoch: string;
  readonly revision: number;
  /** The revision as it is written there, which may be anything. */
  readonly writtenRevision: string;
  readonly seal: string;
  /** The seal of the state before it: a chain. */
  readonly previous: string;
  readonly urgent: boolean;
  /** Of the documents in force. */
  readonly texts: ReadonlyMap<string, string>;
  /** How the documents that people may edit differ from these; `undefined`: removed. */
  readonly edits: ReadonlyMap<string, string | undefined>;
  /** Equal as long as nothing was edited; '' for none. */
  readonly fingerprint: string;
  /** How its revision came there, which is not sealed. Absent: nobody told. */
  readonly written?: Written;
}

/** `agoMs`: when it was read, by the clock of Redis; absent: it may not be asked for its time. `trace`: a `traceparent`, or anything. */
export interface Written {
  readonly agoMs?: number;
  readonly trace?: string;
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
  | {
      readonly kind: 'good';
      readonly known: Known;
      readonly changed: boolean;
      /** Sealed by an earlier version, which had no copy for people to edit: it is sealed anew. */
      readonly unsealed?: true;
    }
  /**
   * Lost or damaged, not changed by an apply: it is written again, soon if it is `lost` (gone, older than it was, or forged, which nobody
   * can have intended), otherwise with the next apply.
   */
  | {
      readonly kind: 'damaged';
      readonly lost: boolean;
      readonly rewrite: 'accepted' | 'all';
      readonly problems: readonly Problem[];
    }
  /** Somebody else's: nothing for us, and nobody overwrites it. */
  | { readonly kind: 'foreign'; readonly problems: readonly Problem[] };

/** What a seal covers: nothing can be exchanged between two states, nor can one be left out of their chain. */
export type Sealed = Pick<StoredState, 'epoch' | 'revision' | 'urgent' | 'previous' | 'texts'>;

export interface StateSeal {
  of(state: Sealed): string;
  /** Names what waits, with the same key. */
  readonly names: Pick<Seal, 'of'>;
  /** `present`; `old`: as versions sealed it that had only one copy of the documents; undefined: not sealed with this key. */
  kindOf(state: StoredState): 'present' | 'old' | undefined;
}

export interface JudgeDeps {
  readonly check: StateCheck;
  readonly seal: StateSeal;
  /** Why some of them may not come into force, before anything is made of them. */
  readonly refused?: (
    known: Known | undefined,
    found: readonly ParsedDocument[],
  ) => { readonly problem: Problem; readonly othersChanged: boolean } | undefined;
  /** Place of problems that are not about a document. */
  readonly file: string;
}

const again = 'it is written anew from the last good state, soon by itself, or with the next apply';

export function judgeStored(
  read: StoredState,
  known: Known | undefined,
  seen: Seen | undefined,
  { check, seal, refused, file }: JudgeDeps,
): Judgement {
  const problem = (code: string, message: string, hint: string): Problem => {
    return { severity: 'error', code, message, hint, source: { file, line: 1, column: 1 } };
  };
  const lost = (code: string, message: string): Judgement => {
    return { kind: 'damaged', lost: true, rewrite: 'all', problems: [problem(code, message, again)] };
  };
  const sealed = seal.kindOf(read);
  // It had one copy: that is what was in force.
  const stored: StoredState = sealed === 'old' ? { ...read, texts: editedTexts(read), edits: new Map() } : read;
  const gone = stored.texts.size === 0 && editedTexts(stored).size === 0;
  if (seen !== undefined) {
    if (stored.epoch === '') return lost('store-emptied', 'Redis lost all documents');
    if (stored.epoch !== seen.epoch) {
      const hint = 'is the address right? Restart without the state folder to take the new documents over';
      const message = 'Redis holds the documents of another deployment';
      return { kind: 'foreign', problems: [problem('store-replaced', message, hint)] };
    }
    // Redis evicts key by key; and to be without any document is nobody's wish.
    if (editedTexts(stored).size === 0 && (known?.state.documents.length ?? 1) > 0) {
      return lost('store-emptied', 'Redis lost the documents');
    }
    if (stored.seal === '' && stored.writtenRevision === '0') return lost('store-emptied', 'Redis lost the revision');
  }
  // If nothing was ever applied, nothing is wrong yet: the first apply fills it.
  const fresh = stored.epoch === '' && stored.texts.size === 0;
  if (!fresh && sealed === undefined && stored.texts.size === 0 && known !== undefined) {
    const message = 'Redis lost what it held as being in force';
    return { kind: 'damaged', lost: true, rewrite: 'accepted', problems: [problem('store-emptied', message, again)] };
  }
  if (!fresh && sealed === undefined) {
    const message = gone
      ? 'Redis holds a revision, and no documents'
      : 'what Redis holds as being in force was not written by a control plane with this sealing key';
    // Where nothing is known, the documents are edits of nothing: they wait.
    const hint = known === undefined ? 'look at what waits: cellwall waiting' : again;
    const problems = [problem('store-forged', message, hint)];
    return { kind: 'damaged', lost: known !== undefined, rewrite: 'accepted', problems };
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
        hint: 'what is in force is not edited there: cellwall apply, or the other copy of the documents',
        source: { file: key, line: 1, column: 1 },
      });
  }
  if (problems.length > 0) return { kind: 'foreign', problems };
  const sorted = sortDocuments(documents);
  const kept = refused?.(known, sorted);
  if (kept?.othersChanged === true) return { kind: 'foreign', problems: [kept.problem] };
  if (kept !== undefined) return { kind: 'damaged', lost: false, rewrite: 'all', problems: [kept.problem] };
  const judged = fresh ? { documents: sorted, problems } : judgeOnce(sorted, check, [known?.state]);
  const errors = errorsAmong(judged.problems);
  if (errors.length > 0) return { kind: 'foreign', problems: errors };
  const state: StoreState = { ...judged, revision: stored.revision };
  const same = known !== undefined && sameDocuments(known.state.documents, sorted);
  if (known !== undefined && known.state.revision === state.revision && !same) {
    const message = `Redis holds another revision ${state.revision} than was in force`;
    const hint = 'the next apply writes everything anew, from the last good state';
    return { kind: 'damaged', lost: false, rewrite: 'all', problems: [problem('store-repeated', message, hint)] };
  }
  const changed = known?.state.revision !== state.revision || !same;
  return {
    kind: 'good',
    known: { epoch: stored.epoch, state: changed || known === undefined ? state : known.state },
    changed,
    ...(sealed === 'old' ? { unsealed: true } : {}),
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

/** The documents as people may have edited them. */
export function editedTexts({ texts, edits }: Pick<StoredState, 'texts' | 'edits'>): ReadonlyMap<string, string> {
  const edited = new Map(texts);
  for (const [key, text] of edits) {
    if (text === undefined) edited.delete(key);
    else edited.set(key, text);
  }
  return edited;
}

export function textsOf(documents: readonly ParsedDocument[]): ReadonlyMap<string, string> {
  return new Map(documents.map(({ key, text }) => [key, text]));
}
