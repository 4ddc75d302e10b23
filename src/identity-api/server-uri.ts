// The control plane's SPIFFE ID, as its clients expect it: derived from what they already have, never from what a server says.
import { X509Certificate } from 'node:crypto';
import { fromPem } from '../identity/x509/pem.ts';
import { uriSans } from '../identity/x509/uri-sans.ts';
import { CellwallError } from '../lib/errors.ts';

/** By the trust domain, `spiffe://<trust domain>`. */
export function serverUri(trustDomainUri: string): string {
  return `${trustDomainUri}/cellwall/server`;
}

/** Whether it is that of a control plane, of whatever trust domain. */
export function isServerUri(uri: string): boolean {
  return /^spiffe:\/\/[^/]+\/cellwall\/server$/.test(uri);
}

/** From an SVID of the same trust domain, PEM. Throws `failed_precondition` if it is not one. */
export function serverUriOf(chain: string): string {
  const [leaf] = fromPem(chain, 'CERTIFICATE');
  const [uri = ''] = leaf === undefined ? [] : uriSans(leaf);
  const [, trustDomain] = /^(spiffe:\/\/[a-z0-9._-]{1,255})\//.exec(uri) ?? [];
  if (trustDomain !== undefined) return serverUri(trustDomain);
  throw new CellwallError('failed_precondition', 'the certificate names no SPIFFE ID');
}

/**
 * From root certificates, which name their trust domain: `spiffe://<trust domain>`, without a path (X509-SVID §2); those that name none are
 * ignored. Throws `failed_precondition` if all do not, or two differ.
 */
export function serverUriOfRoots(roots: string): string {
  const names = new Set(fromPem(roots, 'CERTIFICATE').flatMap((der) => uriSans(new X509Certificate(der).raw)));
  const [first, ...others] = names;
  if (first !== undefined && others.length === 0 && /^spiffe:\/\/[a-z0-9._-]{1,255}$/.test(first)) {
    return serverUri(first);
  }
  throw new CellwallError('failed_precondition', 'the root certificates do not name one trust domain');
}
