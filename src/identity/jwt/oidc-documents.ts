// What relying parties of OpenID Connect read to verify JWT-SVIDs: who issues them, and with which keys.
// https://openid.net/specs/openid-connect-discovery-1_0.html
import { CellwallError } from '../../lib/errors.ts';
import type { PublicJwk } from './jwt-keys.ts';

/** Of one moment. Both are JSON with a final newline; the same keys always give the same bytes. */
export interface OidcDocuments {
  readonly configuration: string;
  readonly keys: string;
}

/** Below the issuer's URL. */
export const oidcPaths = { configuration: '.well-known/openid-configuration', keys: 'keys.json' } as const;

/** Seconds for which anybody may keep the keys: much less than a key is published before it signs, and than a first one waits. */
export const keysMaxAgeS = 60;
/** As long as a first key waits (jwt-keys.ts): until it is listed, published, and no longer missing in anybody's cache. */
export const firstKeyWaitsMs = 2 * keysMaxAgeS * 1000;

const mostBytes = 255;

/**
 * An issuer's URL, as it is in tokens: relying parties compare it byte by byte. Throws `invalid_argument` unless it is an https URL of a
 * host in lower case, without user, query, fragment and final slash.
 */
export function parseIssuer(text: string): string {
  const fits = /^https:\/\/[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?(\/[A-Za-z0-9._~-]+)*$/.test(text);
  const dots = text.split('/').some((segment) => segment === '.' || segment === '..');
  if (fits && !dots && text.length <= mostBytes && URL.canParse(text)) return text;
  throw new CellwallError('invalid_argument', `not the URL of an issuer: ${JSON.stringify(text.slice(0, mostBytes))}`, {
    hint: `https, a host in lower case, perhaps a path, as in https://oidc.example.org/prod; no final slash, ${mostBytes} bytes at most`,
  });
}

export function oidcDocuments(issuer: string, keys: readonly PublicJwk[]): OidcDocuments {
  const configuration = {
    issuer,
    jwks_uri: `${issuer}/${oidcPaths.keys}`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
  };
  // `jwt-svid` is SPIFFE's word: these readers ignore a key whose use they do not know.
  const set = { keys: keys.map((key) => ({ ...key, use: 'sig' })) };
  return { configuration: asText(configuration), keys: asText(set) };
}

function asText(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
