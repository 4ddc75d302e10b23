// What translate needs that no document holds: the mesh's roots, an anchor for each legacy authority that cannot vouch for identities of
// the mesh (docs/legacy-authorities.md), roots of foreign trust domains, and tokens of applications.
import { X509Certificate } from 'node:crypto';
import type { Credentials } from '../identity/credential-folder.ts';
import { readForeignBundle } from '../identity/federation/foreign-bundle.ts';
import type { LegacyAnchors } from '../identity/legacy/anchors.ts';
import { bundlePem, type TrustBundle } from '../identity/trust-bundle.ts';
import type { Watchable } from '../lib/watchable.ts';
import type { MeshIr } from '../policy/ir.ts';
import type { TrustBundleIr } from '../policy/trust-bundle-ir.ts';
import type { Bundles } from '../translate/proxy.ts';

const pemBlock = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

export interface BundleSource {
  /** The same object as long as nothing of it changes. */
  of(mesh: MeshIr): Bundles;
}

/** Of a foreign trust domain: PEM, one certificate each; empty if they are not known. */
export type ForeignRoots = (of: TrustBundleIr) => readonly string[];

export interface OtherMaterial {
  /** Default: those of documents. */
  readonly foreign?: ForeignRoots;
  readonly credentials?: Pick<Watchable<Credentials>, 'value'>;
}

const noTokens: Credentials = new Map();
const none = { value: () => noTokens };

interface Last {
  readonly trust: TrustBundle;
  readonly tokens: Credentials;
  readonly key: string;
  readonly bundles: Bundles;
}

export function createBundleSource(
  bundle: Pick<Watchable<TrustBundle>, 'value'>,
  anchors: LegacyAnchors,
  { foreign = inlineRoots, credentials = none }: OtherMaterial = {},
): BundleSource {
  let last: Last | undefined;
  return {
    of({ legacyAuthorities, trustBundles }) {
      const [trust, tokens] = [bundle.value(), credentials.value()];
      const authorities = [...legacyAuthorities.values()];
      const others = new Map(
        [...(trustBundles?.values() ?? [])].map((one) => [one.trustDomain, foreign(one).join('')]),
      );
      const key = JSON.stringify([authorities.map(({ name, certificates }) => [name, certificates]), [...others]]);
      if (last?.trust === trust && last.tokens === tokens && last.key === key) return last.bundles;
      const legacyAnchors = new Map(
        authorities.map(({ name, certificates }) => [
          name,
          [...certificates.matchAll(pemBlock)].map(([pem]) => anchors(new X509Certificate(pem).toString())).join(''),
        ]),
      );
      const bundles: Bundles = { roots: bundlePem(trust), legacyAnchors, foreign: others, credentials: tokens };
      last = { trust, tokens, key, bundles };
      return bundles;
    },
  };
}

/** As in the documents, which nothing else takes the place of. */
function inlineRoots({ inline, trustDomain }: TrustBundleIr): readonly string[] {
  return inline === undefined ? [] : readForeignBundle(inline, trustDomain).roots;
}
