// Where the filter of tokens leaves what a verified one says, by its issuer: translate tells it to, and has rules look there; observe
// reads the issuer's name.
const prefix = 'cellwall/';

/** Envoy's own, in the metadata of a request. */
export const tokenNamespace = 'envoy.filters.http.jwt_authn';

export function tokenKey(issuer: string): string {
  return `${prefix}${issuer}`;
}

export function issuerOfTokenKey(key: string): string | undefined {
  return key.startsWith(prefix) ? key.slice(prefix.length) : undefined;
}
