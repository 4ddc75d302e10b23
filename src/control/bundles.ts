// Trust material for translate: the mesh's roots, and an anchor for each legacy authority that cannot vouch for identities
// of the mesh (docs/legacy-authorities.md).
import { X509Certificate } from 'node:crypto';
import type { Authority } from '../identity/authority.ts';
import type { MeshIr } from '../policy/ir.ts';
import type { Bundles } from '../translate/proxy.ts';

const pemBlock = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** The same object again as long as nothing changed, so that a change of policy alone waits for nothing. */
export interface BundleSource {
  /** What was made last, if it is of this mesh. */
  current(mesh: MeshIr): Bundles | undefined;
  make(mesh: MeshIr): Promise<Bundles>;
  /** The roots changed. */
  invalidate(): void;
}

export function createBundleSource(authority: Authority): BundleSource {
  let last: { readonly key: string; readonly bundles: Bundles } | undefined;
  const keyOf = (mesh: MeshIr): string =>
    JSON.stringify([...mesh.legacyAuthorities.values()].map(({ name, certificates }) => [name, certificates]));
  return {
    current: (mesh) => (last?.key === keyOf(mesh) ? last.bundles : undefined),
    async make(mesh) {
      const key = keyOf(mesh);
      const legacyAnchors = new Map<string, string>();
      for (const { name, certificates } of mesh.legacyAuthorities.values()) {
        const anchors: string[] = [];
        for (const [pem] of certificates.matchAll(pemBlock)) {
          anchors.push(await authority.constrain(new X509Certificate(pem).toString()));
        }
        legacyAnchors.set(name, anchors.join(''));
      }
      const bundles: Bundles = { roots: await authority.bundle(), legacyAnchors };
      last = { key, bundles };
      return bundles;
    },
    invalidate() {
      last = undefined;
    },
  };
}
