// Trust material for translate: the mesh's roots, and an anchor for each legacy authority that cannot vouch for identities
// of the mesh (docs/legacy-authorities.md).
import { X509Certificate } from 'node:crypto';
import type { LegacyAnchors } from '../identity/legacy/anchors.ts';
import { bundlePem, type TrustBundle } from '../identity/trust-bundle.ts';
import type { Watchable } from '../lib/watchable.ts';
import type { MeshIr } from '../policy/ir.ts';
import type { Bundles } from '../translate/proxy.ts';

const pemBlock = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

export interface BundleSource {
  /** The same object as long as neither the roots nor the mesh's legacy authorities change. */
  of(mesh: MeshIr): Bundles;
}

export function createBundleSource(
  bundle: Pick<Watchable<TrustBundle>, 'value'>,
  anchors: LegacyAnchors,
): BundleSource {
  let last: { readonly trust: TrustBundle; readonly key: string; readonly bundles: Bundles } | undefined;
  return {
    of({ legacyAuthorities }) {
      const trust = bundle.value();
      const authorities = [...legacyAuthorities.values()];
      const key = JSON.stringify(authorities.map(({ name, certificates }) => [name, certificates]));
      if (last?.trust === trust && last.key === key) return last.bundles;
      const legacyAnchors = new Map(
        authorities.map(({ name, certificates }) => [
          name,
          [...certificates.matchAll(pemBlock)].map(([pem]) => anchors(new X509Certificate(pem).toString())).join(''),
        ]),
      );
      const bundles: Bundles = { roots: bundlePem(trust), legacyAnchors };
      last = { trust, key, bundles };
      return bundles;
    },
  };
}
