// Documents → IR: every reference looked up, every default filled in, every contradiction reported at once with its line. Pure, and the
// only way to a MeshIr, so that an unresolved state can never reach a proxy. No document can cut a proxy off from its control plane:
// policies target services, and the xDS and identity ports are not services.
import type { ParsedDocument } from '../../model/parsed-document.ts';
import { createResolver, type Resolver } from './resolver.ts';

export type Resolution = ReturnType<Resolver['resolve']>;

/** A mesh, or everything that is wrong with the documents (including warnings). Callers keep the result. */
export function resolve(documents: readonly ParsedDocument[]): Resolution {
  return createResolver().resolve(documents);
}
