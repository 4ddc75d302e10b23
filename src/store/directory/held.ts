// Documents of the directory that may not come into force yet: what is in force in their place, and the files as they would be with it (a
// restart begins with these). Pure.
import type { DocumentKey } from '../../model/documents/document.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import { sortDocuments } from '../plan-changes.ts';
import { editFiles } from './edit-files.ts';
import type { DocumentFiles } from './judge-files.ts';

/** By key, what stays in force; `undefined`: nothing with that key is. */
export type Held = ReadonlyMap<DocumentKey, ParsedDocument | undefined>;

export const nothingHeld: Held = new Map();

/** The documents that come into force: `documents`, with what is held in their place. */
export function withHeld(documents: readonly ParsedDocument[], held: Held): readonly ParsedDocument[] {
  if (held.size === 0) return documents;
  const stay = [...held.values()].filter((document) => document !== undefined);
  return sortDocuments([...documents.filter(({ key }) => !held.has(key)), ...stay]);
}

/** The files' texts if they contained only what is in force. */
export function textsInForce(known: DocumentFiles, held: Held): ReadonlyMap<string, string> {
  const { texts } = known;
  if (held.size === 0) return texts;
  const edits = [...held].map(([key, document]) => (document === undefined ? { key } : { key, document }));
  const result = new Map(texts);
  for (const [path, text] of editFiles(known, edits, (name) => texts.has(name))) {
    if (text === null) result.delete(path);
    else result.set(path, text);
  }
  return result;
}
