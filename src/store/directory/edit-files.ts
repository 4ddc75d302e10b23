// Edits of documents → edits of files: only the edited document's own lines change. Pure.
import type { DocumentKey } from '../../model/documents/document.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import { documentRegions, type Region } from '../../model/yaml/regions.ts';
import { documentOf, type Edit } from '../plan-changes.ts';

export interface DocumentFile {
  readonly text: string;
  /** In the order in which they are written. */
  readonly documents: readonly ParsedDocument[];
}

/**
 * The new text of every file that changes; `null`: the file is removed, because no document is left in it. `documents`: those of the files,
 * sorted by key.
 */
export function editFiles(
  {
    files,
    documents,
  }: { readonly files: ReadonlyMap<string, DocumentFile>; readonly documents: readonly ParsedDocument[] },
  edits: readonly Edit[],
  taken: (file: string) => boolean,
): ReadonlyMap<string, string | null> {
  const byKey = new Map(edits.map((edit) => [edit.key, edit]));
  const touched = new Set(edits.flatMap(({ key }) => documentOf(documents, key)?.source.file ?? []));
  const result = new Map<string, string | null>();
  for (const file of [...touched].sort()) {
    const there = files.get(file);
    if (there === undefined) continue;
    result.set(file, editFile(there.text, there.documents, byKey));
    for (const { key } of there.documents) byKey.delete(key);
  }
  for (const { key, document } of byKey.values()) {
    if (document === undefined) continue;
    result.set(
      freeName(key, (name) => files.has(name) || result.has(name) || taken(name)),
      lines(document.text),
    );
  }
  return result;
}

function editFile(
  text: string,
  documents: readonly ParsedDocument[],
  edits: ReadonlyMap<DocumentKey, Edit>,
): string | null {
  if (documents.every(({ key }) => edits.has(key) && edits.get(key)?.document === undefined)) return null;
  const regions = documentRegions(text);
  let result = text;
  // From the last to the first, so that earlier offsets stay valid.
  for (let index = documents.length - 1; index >= 0; index--) {
    const key = documents[index]?.key;
    const region = regions[index];
    const edit = key === undefined ? undefined : edits.get(key);
    if (edit === undefined || region === undefined) continue;
    result = edit.document === undefined ? cut(result, region) : replace(result, region, edit.document.text);
  }
  return result;
}

function cut(text: string, { markerStart, end }: Region): string {
  return text.slice(0, markerStart) + text.slice(end);
}

function replace(text: string, { start, end }: Region, document: string): string {
  const before = text.slice(0, start);
  // A document that begins on the line of its `---` moves below it: a block mapping is not allowed there.
  const separator = before === '' || before === '\ufeff' || before.endsWith('\n') ? '' : '\n';
  return before.trimEnd().endsWith('---') && separator !== ''
    ? `${before.trimEnd()}\n${lines(document)}${text.slice(end)}`
    : before + separator + lines(document) + text.slice(end);
}

function lines(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}

/** `<kind>-<cell>-<name>.yaml`, lower-case, with a number if another document's file has that name. */
function freeName(key: DocumentKey, taken: (name: string) => boolean): string {
  const base = key.toLowerCase().replaceAll('/', '-');
  for (let number = 1; ; number++) {
    const name = number === 1 ? `${base}.yaml` : `${base}-${number}.yaml`;
    if (!taken(name)) return name;
  }
}
