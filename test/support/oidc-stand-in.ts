// A stand-in for an OpenID Connect provider that people sign in at (GitLab, Keycloak): discovery, a place to sign in that says yes at
// once, the token endpoint, which is as strict as RFC 6749 and RFC 7636 allow, and keys. It can be told to misbehave.
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createTestCa } from './test-ca.ts';

type Claims = Readonly<Record<string, unknown>>;

export interface OidcStandIn {
  readonly issuer: string;
  /** PEM file. */
  readonly caFile: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Of who signs in next. */
  claims: Claims;
  /** What it changes of what it sends. */
  twist: {
    readonly discovery?: (document: Claims) => unknown;
    /** The whole token. */
    readonly token?: (
      header: Claims,
      claims: Claims,
      signed: (header: Claims, claims: Claims, key?: KeyObject) => string,
    ) => string;
    /** What the browser is sent back with. */
    readonly back?: (answer: URLSearchParams) => void;
    /** The answer of the token endpoint. */
    readonly answer?: { readonly status: number; readonly text: string; readonly type?: string };
    /** Path that it never answers. */
    readonly hangs?: string;
  };
  /** How often each path was asked. */
  readonly asked: Map<string, number>;
  close(): Promise<void>;
}

export async function startOidc(folder: string): Promise<OidcStandIn> {
  const ca = await createTestCa('of the provider');
  const { certificate, key } = await ca.issue({ ip: ['127.0.0.1'] });
  const caFile = join(folder, 'provider-ca.pem');
  writeFileSync(caFile, ca.root);
  const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const jwk = { ...keys.publicKey.export({ format: 'jwk' }), kid: 'one', use: 'sig', alg: 'RS256' };
  const codes = new Map<string, { readonly nonce: string; readonly challenge: string; readonly redirect: string }>();
  const [clientId, clientSecret] = ['cellwall', `gloas-${randomBytes(24).toString('hex')}`];
  const signed = (header: Claims, claims: Claims, by: KeyObject = keys.privateKey): string => {
    const text = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
    return `${text}.${sign('sha256', Buffer.from(text), by).toString('base64url')}`;
  };
  /** In the body, or in the header without a second encoding, as some providers have it. */
  const isClient = (header: string | undefined, asked: Readonly<Record<string, string>>): boolean =>
    header === undefined
      ? asked['client_id'] === clientId && asked['client_secret'] === clientSecret
      : header === `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`;
  const server = createServer({ cert: certificate, key }, (request, response) => {
    const url = new URL(request.url ?? '/', standIn.issuer);
    standIn.asked.set(url.pathname, (standIn.asked.get(url.pathname) ?? 0) + 1);
    const { twist } = standIn;
    if (twist.hangs === url.pathname) return;
    const json = (value: unknown, status = 200): void =>
      void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    if (url.pathname === '/.well-known/openid-configuration') {
      const { issuer } = standIn;
      const document = {
        ...{
          issuer,
          authorization_endpoint: `${issuer}/authorize`,
          token_endpoint: `${issuer}/token`,
          jwks_uri: `${issuer}/keys`,
        },
        ...{ response_types_supported: ['code'], subject_types_supported: ['public'] },
        ...{ id_token_signing_alg_values_supported: ['RS256'], code_challenge_methods_supported: ['S256'] },
        token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
      };
      json(twist.discovery?.(document) ?? document);
    } else if (url.pathname === '/keys') json({ keys: [jwk] });
    else if (url.pathname === '/authorize') {
      const asked = Object.fromEntries(url.searchParams);
      const isRight =
        asked['client_id'] === clientId &&
        asked['response_type'] === 'code' &&
        asked['code_challenge_method'] === 'S256';
      if (!isRight || !(asked['scope'] ?? '').split(' ').includes('openid'))
        return json({ error: 'invalid_request' }, 400);
      const code = randomBytes(16).toString('hex');
      const { nonce = '', code_challenge: challenge = '', redirect_uri: redirect = '' } = asked;
      codes.set(code, { nonce, challenge, redirect });
      const back = new URL(redirect);
      back.searchParams.set('code', code);
      back.searchParams.set('state', asked['state'] ?? '');
      twist.back?.(back.searchParams);
      response.writeHead(302, { location: back.href }).end();
    } else if (url.pathname === '/token') {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        if (twist.answer !== undefined) {
          const { status, text, type = 'application/json' } = twist.answer;
          return response.writeHead(status, { 'content-type': type }).end(text);
        }
        const asked = Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString()));
        if (!isClient(request.headers.authorization, asked)) return json({ error: 'invalid_client' }, 401);
        const known = codes.get(asked['code'] ?? '');
        codes.delete(asked['code'] ?? '');
        const challenge = createHash('sha256')
          .update(asked['code_verifier'] ?? '')
          .digest('base64url');
        if (known === undefined || known.challenge !== challenge || known.redirect !== asked['redirect_uri'])
          return json({ error: 'invalid_grant' }, 400);
        const now = Math.floor(Date.now() / 1000);
        const claims = {
          iss: standIn.issuer,
          aud: clientId,
          iat: now,
          exp: now + 120,
          nonce: known.nonce,
          ...standIn.claims,
        };
        const header = { alg: 'RS256', kid: 'one', typ: 'JWT' };
        const token = twist.token?.(header, claims, signed) ?? signed(header, claims);
        json({ access_token: 'of-no-use-here', token_type: 'Bearer', expires_in: 120, id_token: token });
      });
    } else json({ error: 'not found' }, 404);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const standIn: OidcStandIn = {
    issuer: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...{
      caFile,
      clientId,
      clientSecret,
      claims: { sub: '7', groups_direct: ['platform'] },
      twist: {},
      asked: new Map(),
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return standIn;
}
