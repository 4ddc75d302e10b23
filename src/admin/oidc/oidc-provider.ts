// Signing in at an OpenID Connect provider: the authorization code flow with PKCE, by oauth4webapi. What is here is what that library
// leaves to its user: bounded calls, the file with the secret, and what a failure is called.
// https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth, RFC 7636, RFC 9207
import { readFileSync } from 'node:fs';
import type { AuthorizationServer, Client, ClientAuth, CustomFetchOptions } from 'oauth4webapi';
import { z } from 'zod';
import { boundedAnswer } from '../../lib/bounded-call.ts';
import type { Clock } from '../../lib/clock.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { AdminOidcOptions } from './admin-oidc-options.ts';
import type { Claims } from './caller-of-claims.ts';

/** What a browser keeps while its user is at the provider. All of it is worthless without the code, and that without all of it. */
export interface Flow {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
}

export interface OidcProvider {
  /** Where the browser goes. Throws `unavailable` if the provider does not answer, `failed_precondition` if it answers what it must not. */
  begin(): Promise<{ readonly url: string; readonly flow: Flow }>;
  /**
   * The claims of the ID token, verified. Throws `permission_denied` if the user, or the provider, refused; `unauthenticated` for what is
   * not the answer to this flow; `unavailable` and `failed_precondition` as above.
   */
  finish(answer: URLSearchParams, flow: Flow): Promise<Claims>;
}

export const callbackPath = '/v1/sign-in/oidc/callback';

interface Discovered {
  readonly server: AuthorizationServer;
  readonly signInAt: string;
}

const timeoutMs = 10_000;
const keptMs = 300_000;

/** Only control planes that people sign in to need it. */
const load = () => import('oauth4webapi');
type Library = Awaited<ReturnType<typeof load>>;

/** Its document is asked for again after five minutes; an attempt does not wait for longer than ten seconds. */
export function createOidcProvider(options: AdminOidcOptions, clock: Pick<Clock, 'monotonic'>): OidcProvider {
  const issuer = new URL(options.issuer);
  const client: Client = { client_id: options.clientId };
  const redirectUri = new URL(callbackPath, options.pageUrl).href;
  const fetch = async (
    url: string,
    { method, headers, body }: CustomFetchOptions<string, unknown>,
  ): Promise<Response> => {
    if (method !== 'GET' && method !== 'POST') throw new CellwallError('internal', `no ${method} is made here`);
    const { status, contentType, text } = await boundedAnswer({
      ...{ who: options.name, url, method, headers, timeoutMs },
      ...(body instanceof URLSearchParams ? { body: body.toString() } : {}),
      ...(options.caFile === undefined ? {} : { ca: readFileSync(options.caFile, 'utf8') }),
    });
    // A redirect is not followed, and is none of the answers that are read.
    return new Response(text === '' ? null : text, {
      status: status >= 200 && status <= 599 ? status : 502,
      ...(contentType === undefined ? {} : { headers: { 'content-type': contentType } }),
    });
  };
  let kept: (Discovered & { readonly until: number }) | undefined;
  const discovered = async (oauth: Library): Promise<Discovered> => {
    if (kept !== undefined && kept.until > clock.monotonic()) return kept;
    try {
      const answer = await oauth.discoveryRequest(issuer, { [oauth.customFetch]: fetch });
      const server = await oauth.processDiscoveryResponse(issuer, answer);
      const signInAt = server.authorization_endpoint;
      if (signInAt === undefined || !URL.canParse(signInAt) || new URL(signInAt).protocol !== 'https:')
        throw refusedBy(options, 'it names no https address to sign in at');
      kept = { server, signInAt, until: clock.monotonic() + keptMs };
      return kept;
    } catch (reason) {
      // Nobody's attempt is at fault.
      const { code, message } = told(options, reason);
      throw code === 'unavailable' || code === 'failed_precondition' ? reason : refusedBy(options, message);
    }
  };

  return {
    async begin() {
      const oauth = await load();
      const { signInAt } = await discovered(oauth);
      const url = new URL(signInAt);
      const flow = {
        state: oauth.generateRandomState(),
        nonce: oauth.generateRandomNonce(),
        verifier: oauth.generateRandomCodeVerifier(),
      };
      const asked = {
        ...{ client_id: options.clientId, redirect_uri: redirectUri, response_type: 'code' },
        ...{ scope: ['openid', ...options.scopes].join(' '), state: flow.state, nonce: flow.nonce },
        ...{ code_challenge: await oauth.calculatePKCECodeChallenge(flow.verifier), code_challenge_method: 'S256' },
      };
      for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value);
      return { url: url.href, flow };
    },
    async finish(answer, { state, nonce, verifier }) {
      const oauth = await load();
      const { server } = await discovered(oauth);
      const proof = proofOf(options, server, oauth);
      try {
        const checked = oauth.validateAuthResponse(server, client, answer, state);
        const bounded = { [oauth.customFetch]: fetch };
        const given = [server, client, proof, checked, redirectUri, verifier, bounded] as const;
        const answered = await oauth.authorizationCodeGrantRequest(...given);
        const expected = { expectedNonce: nonce, requireIdToken: true };
        const tokens = await oauth.processAuthorizationCodeResponse(server, client, answered, expected);
        // The provider's certificate would do (Core §3.1.3.7, 6); its signature says so as well.
        await oauth.validateApplicationLevelSignature(server, answered, bounded);
        const claims = oauth.getValidatedIdTokenClaims(tokens);
        if (claims === undefined) throw refusedBy(options, 'it sent no ID token');
        return { ...claims };
      } catch (reason) {
        if (reason instanceof oauth.AuthorizationResponseError) {
          const { error } = reason;
          throw new CellwallError('permission_denied', `${options.name} did not sign in: ${printable(error)}`);
        }
        throw told(options, reason);
      }
    },
  };
}

/**
 * In the body unless the provider takes it in the header alone: RFC 6749 §2.3.1 has the header's two parts encoded once more, and not every
 * provider undoes that (panva/oauth4webapi#199), so that a secret with a hyphen would be another one there.
 */
function proofOf({ clientSecretFile }: AdminOidcOptions, server: AuthorizationServer, oauth: Library): ClientAuth {
  if (clientSecretFile === undefined) return oauth.None();
  const secret = readFileSync(clientSecretFile, 'utf8').trim();
  const methods = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
  return methods.includes('client_secret_post') ? oauth.ClientSecretPost(secret) : oauth.ClientSecretBasic(secret);
}

/** The library's words and codes quote nothing secret. */
function told({ name }: AdminOidcOptions, reason: unknown): CellwallError {
  if (reason instanceof CellwallError) return reason;
  const known = z
    .object({ message: z.string(), code: z.string().optional(), error: z.string().optional() })
    .safeParse(reason);
  const words = known.success
    ? [known.data.message, known.data.error ?? known.data.code ?? '']
    : ['something is wrong'];
  return new CellwallError('unauthenticated', `${name}: ${printable(words.join(' ').trim())}`, { cause: reason });
}

function refusedBy({ name, issuer }: AdminOidcOptions, why: string): CellwallError {
  return new CellwallError('failed_precondition', `${name} at ${issuer}: ${why}`, { hint: 'is the issuer right?' });
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 200);
}
