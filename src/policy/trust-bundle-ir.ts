// A foreign trust domain in the intermediate representation (ir.ts): where its roots come from, and how its endpoint proves itself.
import type { DocumentKey } from '../model/documents/document.ts';
import type { SpiffeId, TrustDomain } from '../model/spiffe-id.ts';

/** One at least of `inline` and `endpoint`. */
export interface TrustBundleIr {
  readonly trustDomain: TrustDomain;
  readonly document: DocumentKey;
  /** As in the document, which was found to be a bundle of that trust domain. */
  readonly inline?: string;
  readonly endpoint?: BundleEndpointIr;
}

/** Its profile, SPIFFE Federation §5.2. */
type BundleEndpointIr =
  /** `certificates`: PEM, instead of the CAs of the web. */
  | { readonly profile: 'https_web'; readonly url: string; readonly certificates?: string | undefined }
  | { readonly profile: 'https_spiffe'; readonly url: string; readonly spiffeId: SpiffeId };
