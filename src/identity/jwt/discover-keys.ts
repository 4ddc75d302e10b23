// Finds the keys of an OpenID Connect issuer by its discovery document, which is believed only as far as it speaks of its own address.
// https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig
import { z } from 'zod';
import { type BoundedCall, boundedCall } from '../../lib/bounded-call.ts';
import { CellwallError } from '../../lib/errors.ts';

const documentSchema = z.looseObject({ issuer: z.string(), jwks_uri: z.url({ protocol: /^https$/ }) });

/** The text at its `jwks_uri`. Throws `failed_precondition` if the document is of another issuer, or names another host's keys. */
export async function discoverKeys(issuer: string, how: Omit<BoundedCall, 'url'>): Promise<string> {
  const at = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const document = documentSchema.safeParse(jsonOf(await boundedCall({ ...how, url: at })));
  if (!document.success) throw wrong(at, 'no discovery document');
  const { issuer: named, jwks_uri: url } = document.data;
  // §4.3: exactly the one that was asked.
  if (named !== issuer) throw wrong(at, 'the discovery document of another issuer');
  if (new URL(url).origin !== new URL(issuer).origin)
    throw wrong(at, 'a discovery document with the keys of another host');
  return boundedCall({ ...how, url });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function wrong(at: string, what: string): CellwallError {
  return new CellwallError('failed_precondition', `at ${at} there is ${what}`, {
    hint: 'if that is right, name the address of the keys in the file of --attestors: keys: {url: …}',
  });
}
