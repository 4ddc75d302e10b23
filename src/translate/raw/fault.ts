// What is wrong inside a raw resource, by its path there; who reports it knows the document around it.
import type { FieldPath } from '../../model/field-path.ts';

export interface RawFault {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  /** As written, from the resource on. */
  readonly path: FieldPath;
}
