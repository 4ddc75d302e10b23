// Small documents as YAML, for tests that need some.
import type { DocumentKey } from '../../src/model/documents/document.ts';
import { parseDocuments } from '../../src/model/parse.ts';
import type { ParsedDocument } from '../../src/model/parsed-document.ts';
import type { Change } from '../../src/store/store.ts';

export function cellYaml(name: string, id: number): string {
  return `apiVersion: cellwall/v1\nkind: Cell\nmetadata: {name: ${name}}\nspec: {id: ${id}}\n`;
}

export function serviceYaml(name: string, cell?: string, protocol = 'http1'): string {
  const metadata = cell === undefined ? `{name: ${name}}` : `{name: ${name}, cell: ${cell}}`;
  return `apiVersion: cellwall/v1\nkind: Service\nmetadata: ${metadata}\nspec: {protocol: ${protocol}}\n`;
}

/** The documents of valid YAML. */
export function parsed(text: string, file = 'test.yaml'): readonly ParsedDocument[] {
  const result = parseDocuments(text, file);
  if (result.kind === 'invalid') throw new Error(JSON.stringify(result.problems));
  return result.documents;
}

/** One put a document in `text`. */
export function puts(text: string): readonly Change[] {
  return parsed(text).map((document) => ({ op: 'put', key: document.key, text: document.text }));
}

export function keyOf(text: string): DocumentKey {
  return text as DocumentKey;
}
