// The keys that verify JWT-SVIDs as a JWK Set that any library for tokens takes.
import type { JSONWebKeySet } from 'jose';

/**
 * Of a bundle's keys those for JWT-SVIDs; it may have others (`x509-svid`). Their use is left out, as `jwt-svid` is a word of SPIFFE alone
 * (Workload API §6.3): libraries pass over keys whose use they do not know.
 */
export function jwkSet(text: string): JSONWebKeySet {
  const { keys }: JSONWebKeySet = JSON.parse(text);
  return { keys: keys.filter(({ use }) => use === 'jwt-svid').map(({ use: _, ...key }) => key) };
}
