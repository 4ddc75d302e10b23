// What a control plane tells helpers about foreign trust domains: roots, and keys of JWT-SVIDs. Public, as all bundles are.
import type { ForeignBundle } from '../identity/federation/foreign-bundle.ts';
import { CellwallError } from '../lib/errors.ts';

export interface ForeignTrust {
  /** As in `partner.example`. */
  readonly trustDomain: string;
  /** PEM; empty: nobody is to be accepted. */
  readonly roots: string;
  /** A JWK Set, as text. */
  readonly keys: string;
}

export function foreignTrustReply(bundles: readonly ForeignBundle[]): string {
  const trust = bundles.map(({ trustDomain, roots, jwtKeys }): ForeignTrust => {
    return { trustDomain, roots: roots.join(''), keys: `{"keys":[${jwtKeys.join(',')}]}` };
  });
  return JSON.stringify({ trust });
}

/** Throws `internal` for anything else. */
export function readForeignTrust(text: string): readonly ForeignTrust[] {
  const { trust }: { readonly trust?: unknown } = Object(JSON.parse(text));
  if (!Array.isArray(trust)) throw new CellwallError('internal', 'the reply names no trust domains');
  return trust.map((one: unknown): ForeignTrust => {
    const {
      trustDomain,
      roots,
      keys,
    }: { readonly trustDomain?: unknown; readonly roots?: unknown; readonly keys?: unknown } = Object(one);
    if (typeof trustDomain !== 'string' || typeof roots !== 'string' || typeof keys !== 'string') {
      throw new CellwallError('internal', 'the reply is not about trust domains');
    }
    return { trustDomain, roots, keys };
  });
}
