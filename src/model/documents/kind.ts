// The extension point "kind of document": a schema, a sentence on its purpose, and, for kinds that policy/resolve does not know, the
// meaning of their documents.
import type { z } from 'zod';
import type { DocumentKey } from '../document-key.ts';
import type { FieldPath } from '../field-path.ts';
import type { ProblemDetails, Source } from '../problem.ts';
import type { ServiceKey } from '../service-key.ts';
import type { TrustDomain } from '../spiffe-id.ts';
import type { KindName } from './kind-names.ts';

/** What every document has; `Kind/name`, or `Kind/cell/name`, is its key. */
export interface AnyDocument {
  readonly kind: KindName;
  readonly metadata: { readonly name: string; readonly cell?: string | undefined };
}

/** A document of a kind, and where it was written. */
export interface Written<D> {
  readonly key: DocumentKey;
  readonly document: D;
  /** Where the document begins. */
  readonly source: Source;
  /** Where a field is (`['spec', 'rules', 0, 'from']`); the nearest parent's place if it is absent. */
  locate(path: FieldPath): Source;
}

export interface DocumentKind<D extends AnyDocument = AnyDocument> {
  readonly schema: z.ZodType<D>;
  /** One sentence, shown in docs/documents.md. */
  readonly purpose: string;
  /**
   * What the documents of the kind (at least one) mean together; the result is in the IR under the kind's name. References are looked up
   * and contradictions reported through `context`. Pure. Absent for the kinds that policy/resolve knows itself.
   */
  resolve?(documents: readonly Written<D>[], context: ResolveContext): unknown;
}

/** What documents of one kind may look up about others. A lookup that reports a problem returns undefined. */
export interface ResolveContext {
  readonly trustDomain: TrustDomain;
  /** The service that `reference` means in that document (`cell/name`, or `name`). */
  service(reference: string, document: Written<AnyDocument>, place: FieldPath): ServiceKey | undefined;
  /** The cell's number. */
  cell(name: string, document: Written<AnyDocument>, place: FieldPath): number | undefined;
  /** No state with an error comes into force. */
  error(document: Written<AnyDocument>, place: FieldPath, details: ProblemDetails): void;
  warning(document: Written<AnyDocument>, place: FieldPath, details: ProblemDetails): void;
}
