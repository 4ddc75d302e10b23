// What is wrong inside a raw resource, with its path there; whoever reports it knows the document around it.
import type { FieldPath } from '../../model/field-path.ts';

export interface RawFault {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  /** As written, starting at the resource. */
  readonly path: FieldPath;
}
