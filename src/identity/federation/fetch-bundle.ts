// One request to the bundle endpoint of a foreign trust domain (SPIFFE Federation §5.2): within a time, of bounded size, no redirects.
import { boundedCall } from '../../lib/bounded-call.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { SpiffeId, TrustDomain } from '../../model/spiffe-id.ts';
import { spiffeIdOf } from '../x509/verify-svid.ts';
import { type ForeignBundle, readForeignBundle } from './foreign-bundle.ts';

/** Where bundles of a foreign trust domain come from: one at least of `inline` and `endpoint`. */
export interface ForeignSource {
  readonly trustDomain: TrustDomain;
  /** A bundle that is known to be one. */
  readonly inline?: string;
  readonly endpoint?: BundleEndpoint;
}

/** `certificates`: PEM, in place of the CAs of the web. */
export type BundleEndpoint =
  | { readonly profile: 'https_web'; readonly url: string; readonly certificates?: string | undefined }
  | { readonly profile: 'https_spiffe'; readonly url: string; readonly spiffeId: SpiffeId };

export interface FetchedBundle {
  /** As it came. */
  readonly text: string;
  readonly bundle: ForeignBundle;
}

/** `known`: the roots, PEM, that an endpoint which proves itself by an SVID is verified with. Throws what `status` may show. */
export type FetchBundle = (
  trustDomain: TrustDomain,
  endpoint: BundleEndpoint,
  known: readonly string[],
) => Promise<FetchedBundle>;

const timeoutMs = 10_000;

export const fetchBundle: FetchBundle = async (trustDomain, endpoint, known) => {
  const asked = { who: `the bundle endpoint of ${trustDomain}`, url: endpoint.url, timeoutMs };
  const text =
    endpoint.profile === 'https_web'
      ? await boundedCall({ ...asked, ...(endpoint.certificates === undefined ? {} : { ca: endpoint.certificates }) })
      : await boundedCall({
          ...asked,
          ca: trusted(known),
          identify: (leaf) => identify(leaf, endpoint.spiffeId, trustDomain),
        });
  if (!text.trimStart().startsWith('{')) throw new CellwallError('invalid_argument', 'the bundle is not JSON');
  return { text, bundle: readForeignBundle(text, trustDomain) };
};

/** Without roots Node would trust the web's. */
function trusted(known: readonly string[]): string {
  if (known.length > 0) return known.join('');
  throw new CellwallError('failed_precondition', 'no root is known by which the endpoint could be verified', {
    hint: 'write its present roots into `bundle` of the TrustBundle',
  });
}

/** OpenSSL has verified the chain; exactly one URI name, and the right one. */
function identify(leaf: Buffer, expected: SpiffeId, trustDomain: TrustDomain): void {
  const found = spiffeIdOf(leaf, trustDomain);
  if (found === expected) return;
  throw new CellwallError('unauthenticated', `it is ${found}, and not ${expected}`);
}
