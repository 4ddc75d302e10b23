// What stands in Redis, and what to make of it: a state to take over, or the reason not to. Pure.
import { createHash } from 'node:crypto';
import { parseDocuments } from '../../model/parse.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import type { Problem } from '../../model/problem.ts';
import { sameDocuments, sortDocuments } from '../plan-changes.ts';
import type { StateCheck, StoreState } from '../store.ts';

/** As read, in one go. */
export interface StoredState {
  /** Made at the first apply; '' in an empty keyspace. */
  readonly epoch: string;
  readonly revision: number;
  readonly digest: string;
  readonly urgent: boolean;
  readonly texts: ReadonlyMap<string, string>;
}

/** What we have taken over before. */
export interface Known {
  readonly epoch: string;
  readonly state: StoreState;
}

export type Judgement =
  | { readonly kind: 'good'; readonly known: Known; readonly changed: boolean }
  /** Lost or damaged, not changed by anybody's apply: the next apply writes everything anew. */
  | { readonly kind: 'damaged'; readonly problems: readonly Problem[] }
  /** Somebody's, but nothing for us: nobody overwrites it. */
  | { readonly kind: 'foreign'; readonly problems: readonly Problem[] };

export function judgeStored(stored: StoredState, known: Known | undefined, check: StateCheck, file: string): Judgement {
  const problem = (code: string, message: string, hint: string): readonly Problem[] => [
    { severity: 'error', code, message, hint, source: { file, line: 1, column: 1 } },
  ];
  if (known !== undefined && known.epoch !== '') {
    const last = known.state.revision;
    const again =
      'restore it from a backup; or apply any change, and everything is written anew from the last good state';
    if (stored.epoch === '')
      return { kind: 'damaged', problems: problem('store-emptied', 'Redis lost all documents', again) };
    if (stored.epoch !== known.epoch) {
      const hint = 'is the address right? Restart without the state folder to take the new documents over';
      return {
        kind: 'foreign',
        problems: problem('store-replaced', 'Redis holds the documents of another deployment', hint),
      };
    }
    if (stored.revision < last) {
      const message = `Redis went back from revision ${last} to ${stored.revision}`;
      return { kind: 'damaged', problems: problem('store-went-back', message, again) };
    }
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
  if (stored.epoch !== '' || stored.texts.size > 0) {
    if (stored.digest !== digestOf(stored.texts)) {
      const hint =
        'documents are changed with cellwall apply; apply any change, and everything is written anew from the last good state';
      return {
        kind: 'damaged',
        problems: [...problem('changed-outside', 'documents in Redis were changed by hand', hint), ...problems],
      };
    }
  }
  // Where nothing was ever applied nothing is wrong yet: the first apply fills it.
  const fresh = stored.epoch === '' && stored.texts.size === 0;
  if (problems.length === 0 && !fresh)
    problems.push(...check(sortDocuments(documents)).filter(({ severity }) => severity === 'error'));
  if (problems.length > 0) return { kind: 'foreign', problems };
  const sorted = sortDocuments(documents);
  const state = { revision: stored.revision, documents: sorted };
  const changed =
    known === undefined || known.state.revision !== state.revision || !sameDocuments(known.state.documents, sorted);
  return { kind: 'good', known: { epoch: stored.epoch, state: changed ? state : known.state }, changed };
}

/** Of all documents: equal on every replica, and only apply knows to write it. */
export function digestOf(texts: ReadonlyMap<string, string>): string {
  const sorted = [...texts].sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(sorted)).digest('hex');
}

export function textsOf(documents: readonly ParsedDocument[]): ReadonlyMap<string, string> {
  return new Map(documents.map(({ key, text }) => [key, text]));
}

/** The read script's answer; undefined for `same`. */
export function parseStored(reply: unknown): StoredState | undefined {
  const [kind, epoch, revision, digest, urgent, flat]: readonly unknown[] = Array.isArray(reply) ? reply : [];
  if (kind !== 'state') return undefined;
  const texts = new Map<string, string>();
  const list: readonly unknown[] = Array.isArray(flat) ? flat : [];
  for (let index = 0; index + 1 < list.length; index += 2) texts.set(String(list[index]), String(list[index + 1]));
  const count = Number(revision);
  return {
    epoch: String(epoch),
    revision: Number.isSafeInteger(count) && count >= 0 ? count : 0,
    digest: String(digest),
    urgent: urgent === '1',
    texts,
  };
}
