// What the catalog of kinds results in: the union of all documents, their schemas, and the key of each document.
import type { z } from 'zod';
import type { DocumentKey } from '../document-key.ts';
import * as catalog from './catalog.ts';
import type { AnyDocument, DocumentKind } from './kind.ts';
import type { KindName } from './kind-names.ts';

export type { DocumentKey } from '../document-key.ts';

type Kinds = typeof catalog;
export type Document = z.output<Kinds[KindName]['schema']>;

interface KnownKind extends DocumentKind {
  readonly schema: z.ZodType<Document>;
}
export const documentKinds: Readonly<Record<KindName, KnownKind>> = catalog;

/** What kinds with their own hook (kind.ts, `resolve`) made of their documents, by kind; absent if there are no documents. */
export type ResolvedKinds = {
  readonly [Name in KindName as Kinds[Name] extends { readonly resolve: unknown } ? Name : never]?: Resolved<
    Kinds[Name]
  >;
};
type Resolved<Kind> = Kind extends { resolve(...given: never): infer Made } ? Made : never;

/** `Kind/name`, or `Kind/cell/name` for a document of a cell. */
export function documentKey({ kind, metadata: { cell, name } }: AnyDocument): DocumentKey {
  return (cell === undefined ? `${kind}/${name}` : `${kind}/${cell}/${name}`) as DocumentKey;
}
