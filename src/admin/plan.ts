// A request's documents as changes for the store, and as the whole state they would make: what dry run, diff and warnings need.

import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import type { DocumentKey } from '../model/documents/document.ts';
import { type ParseResult, parseDocuments } from '../model/parse.ts';
import type { ParsedDocument } from '../model/parsed-document.ts';
import type { Problem } from '../model/problem.ts';
import type { Change } from '../store/store.ts';
import type { ApplyBody, Difference } from './wire.ts';

export interface Plan {
  readonly changes: readonly Change[];
  /** Problems of the documents by themselves; not yet of how they fit together. */
  readonly problems: readonly Problem[];
  /** The documents as the operator wrote them, with the operator's file and line. */
  readonly documents: readonly ParsedDocument[];
}

/** Nothing is refused here: what does not parse is in `problems`. */
export function createPlan({ changes = [], files = [], text }: ApplyBody): Plan {
  const written = [...files, ...(text === undefined ? [] : [{ file: 'request', text }])];
  const parsed = written.map((item) => parseDocuments(item.text, item.file));
  const fromFiles = parsed.flatMap(documentsOf);
  const puts = fromFiles.map((item): Change => ({ op: 'put', key: item.key, text: item.text, parsed: item }));
  const documents: ParsedDocument[] = [];
  const given = changes.map((change): Change => {
    // The store refuses a key that no document has; here it is only a name.
    const key = change.key as DocumentKey;
    if (change.op === 'delete') return { op: 'delete', key };
    const { text } = change;
    // The store refuses one that does not parse, or is not what it claims to be.
    const found = documentsOf(parseDocuments(text, key));
    documents.push(...found);
    const whole = found.find((document) => document.text === text);
    return { op: 'put', key, text, ...defined({ parsed: whole }) };
  });
  return {
    changes: [...given, ...puts],
    problems: parsed.flatMap((result) => (result.kind === 'invalid' ? result.problems : [])),
    documents: [...documents, ...fromFiles],
  };
}

/** Also without every other document in force. Throws `invalid_argument` if it has none itself: nothing never means all. */
export function pruned(plan: Plan, before: readonly ParsedDocument[]): Plan {
  const puts = new Set(plan.changes.filter(({ op }) => op === 'put').map(({ key }) => key));
  if (puts.size === 0) {
    throw new CellwallError('invalid_argument', 'pruning without any document would delete all of them', {
      hint: 'to delete documents, `cellwall delete` them',
    });
  }
  const named = new Set(plan.changes.map(({ key }) => key));
  const others = before.filter(({ key }) => !named.has(key)).map(({ key }): Change => ({ op: 'delete', key }));
  return { ...plan, changes: [...plan.changes, ...others] };
}

/** What would change, by document; equal text counts as no difference. */
export function differences(before: readonly ParsedDocument[], plan: Plan): readonly Difference[] {
  const current = new Map(before.map((item) => [item.key, item.text]));
  return plan.changes.flatMap((change): Difference[] => {
    const old = current.get(change.key);
    if (change.op === 'delete') return old === undefined ? [] : [{ key: change.key, op: 'delete', before: old }];
    if (old === undefined) return [{ key: change.key, op: 'create', after: change.text }];
    if (old.trimEnd() === change.text.trimEnd()) return [];
    return [{ key: change.key, op: 'update', before: old, after: change.text }];
  });
}

function documentsOf(result: ParseResult): readonly ParsedDocument[] {
  return result.kind === 'parsed' ? result.documents : [];
}
