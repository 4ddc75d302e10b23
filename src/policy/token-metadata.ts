// Where the token filter puts what a verified token says, by its issuer: translate configures it, and makes rules look there; observe reads
// the issuer's name.
const prefix = 'cellwall/';

/** Envoy's own, in the metadata of a request. */
export const tokenNamespace = 'envoy.filters.http.jwt_authn';

export function tokenKey(issuer: string): string {
  return `${prefix}${issuer}`;
}

export function issuerOfTokenKey(key: string): string | undefined {
  return key.startsWith(prefix) ? key.slice(prefix.length) : undefined;
}
