// Where the token filter puts what a verified token says, by its issuer: translate configures it, and makes rules look there; observe reads
// the issuer's name.
const prefix = 'cellwall/';

/** Envoy's own, in the metadata of a request. */
export const tokenNamespace = 'envoy.filters.http.jwt_authn';

/** `issuer` is the name of an entry of `jwtIssuers`. */
export function tokenKey(issuer: string): string {
  return `${prefix}${issuer}`;
}

/** Undefined for a key that is not one of these. */
export function issuerOfTokenKey(key: string): string | undefined {
  return key.startsWith(prefix) ? key.slice(prefix.length) : undefined;
}
