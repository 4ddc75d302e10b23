// The extension point "publisher": delivers the trust bundle to a place where others fetch it (a folder, a load balancer, a cloud's secret
// store). In two phases: `publish` puts it there, `confirm` reads back what is there. keep-published.ts decides when.
import type { TrustBundle } from '../trust-bundle.ts';

/** What is at the place, compared with the bundle that should be. */
export type Confirmation =
  /** The bundle, and whoever fetches it gets it. */
  | { readonly kind: 'confirmed' }
  /** The place accepted it, but may still serve the earlier one to some: it is checked again, but not published again. */
  | { readonly kind: 'pending'; readonly why: string }
  | { readonly kind: 'missing' }
  /** `why`: what is wrong with it, without quoting it. */
  | { readonly kind: 'different'; readonly why: string }
  /** A later bundle of the same roots, from a control plane that is ahead of this one: it stays. */
  | { readonly kind: 'newer'; readonly sequence: number };

/**
 * Both may be called again at any time, also by another process. Both throw a `CellwallError` with a hint if the place is not accessible,
 * and throw anything soon after `signal` is aborted. Neither ever blocks the event loop.
 *
 * A place that also takes certificates (the edge's own) will have another method for that.
 */
export interface Publisher<T = TrustBundle> {
  /** Idempotent: what is already there is not written again. Readers meanwhile get either the earlier bundle or this one, complete. */
  publish(bundle: T, signal: AbortSignal): Promise<void>;
  /** Reads back what is really there; never answers from memory. */
  confirm(bundle: T, signal: AbortSignal): Promise<Confirmation>;
}

/** Throws `invalid_argument` for a place that cannot be valid. Whether it is accessible is found out by `publish`. */
export type PublisherFactory = (place: string) => Publisher;
