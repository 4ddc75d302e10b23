// A request's documents as changes for the store, and as the whole state they would make: what dry run, diff and warnings need.
import type { DocumentKey } from '../model/documents/document.ts';
import { type ParseResult, parseDocuments } from '../model/parse.ts';
import type { ParsedDocument } from '../model/parsed-document.ts';
import type { Problem } from '../model/problem.ts';
import type { Change } from '../store/store.ts';
import type { ApplyBody, Difference } from './wire.ts';

export interface Plan {
  readonly changes: readonly Change[];
  /** Of the documents themselves; not yet of how they fit together. */
  readonly problems: readonly Problem[];
  /** The documents as the operator wrote them, with the operator's file and line; made when first asked for. */
  documents(): readonly ParsedDocument[];
}

/** `changes` are handed on unread (the store reads them): an urgent change is not parsed twice before it is in force. */
export function createPlan({ changes = [], files = [], text }: ApplyBody): Plan {
  const written = [...files, ...(text === undefined ? [] : [{ file: 'request', text }])];
  const parsed = written.map((item) => parseDocuments(item.text, item.file));
  const fromFiles = parsed.flatMap(documentsOf);
  const puts = fromFiles.map((item): Change => ({ op: 'put', key: item.key, text: item.text, parsed: item }));
  const given = changes.map((change): Change => {
    // The store refuses a key that no document has; here it is only a name.
    const key = change.key as DocumentKey;
    return change.op === 'put' ? { op: 'put', key, text: change.text } : { op: 'delete', key };
  });
  let documents: readonly ParsedDocument[] | undefined;
  return {
    changes: [...given, ...puts],
    problems: parsed.flatMap((result) => (result.kind === 'invalid' ? result.problems : [])),
    documents() {
      documents ??= [
        ...given.flatMap((change) => (change.op === 'put' ? documentsOf(parseDocuments(change.text, change.key)) : [])),
        ...fromFiles,
      ];
      return documents;
    },
  };
}

/** All documents as they would be. */
export function stateAfter(before: readonly ParsedDocument[], plan: Plan): readonly ParsedDocument[] {
  const touched = new Set(plan.changes.map((change) => change.key));
  return [...before.filter((item) => !touched.has(item.key)), ...plan.documents()];
}

/** What would change, by document; equal text is no difference. */
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
