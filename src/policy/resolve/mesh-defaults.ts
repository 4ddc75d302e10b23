// What the Mesh document, and TrustBundles, set for the whole deployment, as needed to resolve the other documents.
import type { DocumentKey } from '../../model/documents/document.ts';
import type { Mesh } from '../../model/documents/mesh.ts';
import type { SpiffeId, TrustDomain } from '../../model/spiffe-id.ts';
import type { JwtIssuerIr, LegacyAuthorityIr } from '../ir.ts';
import type { TrustBundleIr } from '../trust-bundle-ir.ts';

/** From the Mesh document, or defaults where it says nothing. */
export interface MeshDefaults {
  readonly document: DocumentKey;
  readonly trustDomain: TrustDomain;
  readonly mode: 'permissive' | 'strict';
  readonly svidLifetimeMs: number;
  readonly legacyAuthorities: ReadonlyMap<string, LegacyAuthorityIr>;
  readonly jwtIssuers: ReadonlyMap<string, JwtIssuerIr>;
  /** Foreign ones, that policies may name. */
  readonly trustBundles: ReadonlyMap<TrustDomain, TrustBundleIr>;
  readonly authorization: Mesh['spec']['authorization'];
  readonly breakGlass: readonly SpiffeId[];
  readonly strippedHeaders: readonly string[];
}
