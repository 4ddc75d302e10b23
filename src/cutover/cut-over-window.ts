// How far back the gate looks before a service becomes strict, as the mesh defines it.
import type { ParsedDocument } from '../model/parsed-document.ts';

/** Milliseconds; 0 without a mesh. */
export function cutOverWindow(documents: readonly ParsedDocument[]): number {
  const mesh = documents.map(({ document }) => document).find(({ kind }) => kind === 'Mesh');
  return mesh?.kind === 'Mesh' ? mesh.spec.mtls.cutOverWindow : 0;
}
