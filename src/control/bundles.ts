// Trust material for translate: the mesh's roots, and an anchor for each legacy authority that cannot vouch for identities
// of the mesh (docs/legacy-authorities.md).
import { X509Certificate } from 'node:crypto';
import { readForeignBundle } from '../identity/federation/foreign-bundle.ts';
import type { LegacyAnchors } from '../identity/legacy/anchors.ts';
import { bundlePem, type TrustBundle } from '../identity/trust-bundle.ts';
import type { Watchable } from '../lib/watchable.ts';
import type { MeshIr, TrustBundleIr } from '../policy/ir.ts';
import type { Bundles } from '../translate/proxy.ts';

const pemBlock = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

export interface BundleSource {
  /** The same object as long as neither the roots, nor the mesh's legacy authorities, nor those of foreign trust domains change. */
  of(mesh: MeshIr): Bundles;
}

/** Of a foreign trust domain: PEM, one certificate each; empty if they are not known. */
export type ForeignRoots = (of: TrustBundleIr) => readonly string[];

export function createBundleSource(
  bundle: Pick<Watchable<TrustBundle>, 'value'>,
  anchors: LegacyAnchors,
  foreign: ForeignRoots = inlineRoots,
): BundleSource {
  let last: { readonly trust: TrustBundle; readonly key: string; readonly bundles: Bundles } | undefined;
  return {
    of({ legacyAuthorities, trustBundles }) {
      const trust = bundle.value();
      const authorities = [...legacyAuthorities.values()];
      const others = new Map(
        [...(trustBundles?.values() ?? [])].map((one) => [one.trustDomain, foreign(one).join('')]),
      );
      const key = JSON.stringify([authorities.map(({ name, certificates }) => [name, certificates]), [...others]]);
      if (last?.trust === trust && last.key === key) return last.bundles;
      const legacyAnchors = new Map(
        authorities.map(({ name, certificates }) => [
          name,
          [...certificates.matchAll(pemBlock)].map(([pem]) => anchors(new X509Certificate(pem).toString())).join(''),
        ]),
      );
      const bundles: Bundles = { roots: bundlePem(trust), legacyAnchors, foreign: others };
      last = { trust, key, bundles };
      return bundles;
    },
  };
}

/** As in the documents, which nothing else takes the place of. */
function inlineRoots({ inline, trustDomain }: TrustBundleIr): readonly string[] {
  return inline === undefined ? [] : readForeignBundle(inline, trustDomain).roots;
}
