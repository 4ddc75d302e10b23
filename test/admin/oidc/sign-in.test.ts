// Signing in to the page by OpenID Connect: the requests of a browser one by one, over real connections, against a provider that is
// strict, and one that lies.
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AdminOidcOptions } from '../../../src/admin/oidc/admin-oidc-options.ts';
import { sessionHeader } from '../../../src/admin/page/sessions.ts';
import { type AdminHarness, type AdminReply, startAdmin } from '../../support/admin-harness.ts';
import { eventually } from '../../support/eventually.ts';
import { type OidcStandIn, startOidc } from '../../support/oidc-stand-in.ts';

const folder = mkdtempSync(join(tmpdir(), 'cellwall-oidc-'));
const pageUrl = new URL('http://127.0.0.1:18080/');
const navigated = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
let provider: OidcStandIn;
let admin: AdminHarness;
let options: AdminOidcOptions;

beforeAll(async () => {
  provider = await startOidc(folder);
  writeFileSync(join(folder, 'client.token'), `${provider.clientSecret}\n`);
  const of = (role: 'viewer' | 'editor' | 'admin', ...values: string[]) => ({
    role,
    rawResources: false,
    claim: 'groups_direct',
    values,
  });
  options = {
    ...{ name: 'GitLab', issuer: provider.issuer, caFile: provider.caFile, clientId: provider.clientId, pageUrl },
    ...{ clientSecretFile: join(folder, 'client.token'), scopes: [], nameClaim: 'sub', sessionMinutes: 60 },
    roles: [of('viewer', 'everybody', 'platform'), of('admin', 'platform/admins')],
  };
});

afterAll(async () => {
  await provider.close();
  rmSync(folder, { recursive: true });
});

beforeEach(async () => {
  provider.twist = {};
  provider.claims = { sub: '7', groups_direct: ['platform'] };
  admin = await startAdmin({ oidc: options });
});

afterEach(() => admin.close());

const go = (path: string, headers: Readonly<Record<string, string>> = {}): Promise<AdminReply> =>
  admin.call(path, { anonymous: true, headers: { ...navigated, ...headers } });

const cookieOf = ({ headers }: AdminReply): string => String(headers['set-cookie']).split(';')[0] ?? '';

/** What the provider sends the browser back with: a path of ours. */
function atProvider(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { rejectUnauthorized: false, agent: false }, (response) => {
      response.resume();
      const to = new URL(response.headers.location ?? 'about:blank');
      if (to.origin === pageUrl.origin) resolve(`${to.pathname}${to.search}`);
      else reject(new Error(`it sent the browser to ${to.href}`));
    });
    asked.on('error', reject);
    asked.end();
  });
}

/** Out, to the provider, and back. */
async function signIn(): Promise<{ readonly back: string; readonly cookie: string; readonly reply: AdminReply }> {
  const out = await go('/v1/sign-in/oidc');
  expect(out.status).toBe(303);
  const cookie = cookieOf(out);
  const back = await atProvider(String(out.headers['location']));
  return { back, cookie, reply: await go(back, { cookie }) };
}

const landed = ({ headers }: AdminReply): string => String(headers['location']);

async function who(reply: AdminReply): Promise<unknown> {
  const code = /^\/#code=(cwp1\.[\w-]{43})$/.exec(landed(reply))?.[1] ?? 'none';
  const opened = await admin.call('/v1/session', { body: {}, token: code });
  const { session } = opened.json() as { readonly session: string };
  const headers = { [sessionHeader]: session, cookie: cookieOf(opened) };
  return (await admin.call('/v1/session', { anonymous: true, headers })).json();
}

describe('whoever signs in at the provider', () => {
  it('is told of on the page, before anybody has signed in', async () => {
    const told = await admin.call('/v1/sign-in', { anonymous: true });
    expect(told.json()).toEqual({ oidc: { name: 'GitLab', path: '/v1/sign-in/oidc' } });
    const without = await startAdmin();
    expect((await without.call('/v1/sign-in', { anonymous: true })).json()).toEqual({});
    expect((await without.call('/v1/sign-in/oidc', { anonymous: true })).status).not.toBe(303);
    await without.close();
  });

  it('has the role of their groups, the strongest, under a name that nobody else has', async () => {
    expect(await who((await signIn()).reply)).toMatchObject({ name: 'oidc:7', role: 'viewer', rawResources: false });
    provider.claims = { sub: '8', groups_direct: ['platform', 'platform/admins'] };
    expect(await who((await signIn()).reply)).toMatchObject({ name: 'oidc:8', role: 'admin' });
  });

  it('in two tabs at a time is signed in by the one that began last', async () => {
    const first = await go('/v1/sign-in/oidc');
    const backOfFirst = await atProvider(String(first.headers['location']));
    const second = await go('/v1/sign-in/oidc');
    const cookie = cookieOf(second);
    const backOfSecond = await atProvider(String(second.headers['location']));
    const early = await go(backOfFirst, { cookie });
    expect(landed(early)).toBe('/#out=interrupted');
    expect(early.headers['set-cookie']).toBeUndefined();
    const late = await go(backOfSecond, { cookie });
    expect(await who(late)).toMatchObject({ name: 'oidc:7' });
    expect(String(late.headers['set-cookie'])).toContain('Max-Age=0');
  });

  it.each([
    ['no group', { sub: '7' }, 'no-role'],
    ['another group', { sub: '7', groups_direct: ['platform/admins2', 'Platform'] }, 'no-role'],
    ['a group in another claim', { sub: '7', groups: ['platform'] }, 'no-role'],
    ['more groups than the provider names', { sub: '7', _claim_names: { groups_direct: 'src1' } }, 'groups-elsewhere'],
    ['something in place of those names', { sub: '7', _claim_names: 'groups_direct' }, 'no-role'],
    ['a name that is no name', { sub: '7\u202e', groups_direct: ['platform'] }, 'no-name'],
  ])('is nobody here with %s', async (_what, claims, why) => {
    provider.claims = claims;
    expect(landed((await signIn()).reply)).toBe(`/#out=${why}`);
    const { records } = await admin.deps.audit.read(100, ({ kind }) => kind === 'admin-refused');
    const named = `oidc:${claims.sub}`;
    expect(records.map(({ event }) => event)).toMatchObject([
      { kind: 'admin-refused', address: '127.0.0.1', named, failures: 1 },
    ]);
  });

  it('is signed in for an hour, and has to ask the provider again then', async () => {
    const { reply } = await signIn();
    const code = landed(reply).slice('/#code='.length);
    const opened = await admin.call('/v1/session', { body: {}, token: code });
    const { session, expiresAt } = opened.json() as { readonly session: string; readonly expiresAt: number };
    expect(expiresAt).toBe(admin.clock.now() + 3_600_000);
    const headers = { [sessionHeader]: session, cookie: cookieOf(opened) };
    admin.clock.advance(3_599_000);
    expect((await admin.call('/v1/status', { anonymous: true, headers })).status).toBe(200);
    admin.clock.advance(2000);
    expect((await admin.call('/v1/status', { anonymous: true, headers })).status).toBe(401);
  });

  it('leaves nothing secret in the log', async () => {
    const { back, cookie, reply } = await signIn();
    const code = new URL(back, pageUrl).searchParams.get('code') ?? 'none';
    const kept = JSON.parse(Buffer.from(cookie.split('=')[1] ?? '', 'base64url').toString()) as {
      readonly verifier: string;
    };
    const text = admin.logged.join('\n');
    for (const secret of [code, kept.verifier, landed(reply).slice(7), provider.clientSecret]) {
      expect(secret.length).toBeGreaterThan(20);
      expect(text).not.toContain(secret);
    }
  });
});

describe('an answer of the provider is worth nothing', () => {
  it('in another browser, a second time, or without having asked', async () => {
    const { back, cookie } = await signIn();
    expect(landed(await go(back, { cookie }))).toBe('/#out=interrupted');
    expect(landed(await go(back))).toBe('/#out=interrupted');
    const [mine, theirs] = [await go('/v1/sign-in/oidc'), await go('/v1/sign-in/oidc')];
    const answer = await atProvider(landed(theirs));
    // Somebody is lured into signing in as somebody else: another state, nonce and verifier.
    expect(landed(await go(answer, { cookie: cookieOf(mine) }))).toBe('/#out=interrupted');
    expect(landed(await go(answer, { cookie: cookieOf(theirs) }))).toContain('/#code=');
  });

  it('to a request that is no navigation, or under another name', async () => {
    for (const headers of [{ 'sec-fetch-dest': 'iframe' }, { 'sec-fetch-mode': 'cors' }, { host: 'evil.example' }]) {
      expect((await go('/v1/sign-in/oidc', headers)).status).toBe(403);
    }
  });

  it.each([
    ['state', (answer: URLSearchParams) => answer.set('state', 'x'.repeat(43))],
    ['no state', (answer: URLSearchParams) => answer.delete('state')],
    ['another code', (answer: URLSearchParams) => answer.set('code', 'f'.repeat(32))],
    ['no code', (answer: URLSearchParams) => answer.delete('code')],
    ['two states', (answer: URLSearchParams) => answer.append('state', 'y')],
    ['the issuer of another (RFC 9207)', (answer: URLSearchParams) => answer.set('iss', 'https://evil.example')],
  ])('with %s', async (_what, back) => {
    provider.twist = { back };
    expect(landed((await signIn()).reply)).toBe('/#out=interrupted');
  });

  const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const none = (claims: object): string => {
    const text = [{ alg: 'none' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'));
    return `${text.join('.')}.`;
  };
  type Twist = NonNullable<OidcStandIn['twist']['token']>;
  const twists: readonly (readonly [string, Twist])[] = [
    ['signed by another key', (header, claims, signed) => signed(header, claims, other)],
    ['not signed', (_header, claims) => none(claims)],
    ['of an unknown key', (header, claims, signed) => signed({ ...header, kid: 'two' }, claims)],
    ['of another algorithm', (header, claims, signed) => signed({ ...header, alg: 'HS256' }, claims)],
    ['of another issuer', (header, claims, signed) => signed(header, { ...claims, iss: 'https://evil.example' })],
    ['for another client', (header, claims, signed) => signed(header, { ...claims, aud: 'other' })],
    [
      'for two clients',
      (header, claims, signed) => signed(header, { ...claims, aud: ['cellwall', 'other'], azp: 'other' }),
    ],
    ['of another sign-in', (header, claims, signed) => signed(header, { ...claims, nonce: 'n'.repeat(43) })],
    ['of no sign-in', (header, claims, signed) => signed(header, { ...claims, nonce: undefined })],
    [
      'that has ended',
      (header, claims, signed) => signed(header, { ...claims, exp: Math.floor(Date.now() / 1000) - 120 }),
    ],
    ['that never ends', (header, claims, signed) => signed(header, { ...claims, exp: undefined })],
    ['of nobody', (header, claims, signed) => signed(header, { ...claims, sub: undefined })],
    ['that is text', () => 'token'],
    ['that is empty', () => ''],
  ];
  it.each(twists)('with an ID token %s', async (_what, token) => {
    provider.twist = { token };
    expect(landed((await signIn()).reply)).toBe('/#out=interrupted');
  });

  it.each([
    ['says no', { status: 400, text: '{"error":"invalid_grant"}' }, 'interrupted'],
    ['sends nonsense', { status: 200, text: '<html>', type: 'text/html' }, 'interrupted'],
    ['sends no token', { status: 200, text: '{"access_token":"a","token_type":"Bearer"}' }, 'interrupted'],
    ['sends too much', { status: 200, text: ' '.repeat(300_000) }, 'unavailable'],
    ['sends the browser elsewhere', { status: 302, text: '' }, 'interrupted'],
    ['has a fault', { status: 500, text: 'oh' }, 'interrupted'],
  ])('if its token endpoint %s', async (_what, answer, why) => {
    provider.twist = { answer };
    expect(landed((await signIn()).reply)).toBe(`/#out=${why}`);
  });

  it('if the user said no, which is nobody’s attack', async () => {
    provider.twist = {
      back: (answer) => {
        answer.delete('code');
        answer.set('error', 'access_denied');
      },
    };
    for (let at = 0; at < 12; at++) expect(landed((await signIn()).reply)).toBe('/#out=refused');
  });

  it('after ten failures, for a minute', async () => {
    provider.twist = { back: (answer) => answer.set('state', 'x'.repeat(43)) };
    const all: string[] = [];
    for (let at = 0; at < 12; at++) all.push(landed((await signIn()).reply));
    expect(all.filter((to) => to === '/#out=interrupted')).toHaveLength(10);
    expect(all.at(-1)).toBe('/#out=busy');
  });
});

describe('somebody on the network, who has no account at the provider', () => {
  const token = '/token';
  const flow = Buffer.from(
    JSON.stringify({ state: 's'.repeat(43), nonce: 'n'.repeat(43), verifier: 'v'.repeat(43) }),
  ).toString('base64url');
  /** The cookie is anybody's to write. */
  const invented = (): Promise<AdminReply> =>
    go(`/v1/sign-in/oidc/callback?code=${'f'.repeat(32)}&state=${'s'.repeat(43)}`, {
      cookie: `cellwall-sign-in=${flow}`,
    });

  it('does not have it asked about endless codes, with our secret; who signs in meanwhile is', async () => {
    provider.asked.clear();
    for (let at = 0; at < 10; at++) expect(landed(await invented())).toBe('/#out=interrupted');
    expect(provider.asked.get(token)).toBe(10);
    for (let at = 0; at < 20; at++) expect(landed(await invented())).toBe('/#out=busy');
    expect(provider.asked.get(token)).toBe(10);
    admin.clock.advance(6000);
    expect(landed((await signIn()).reply)).toContain('/#code=');
    expect(landed((await signIn()).reply)).toContain('/#code=');
  });

  it('fills no log: neither by failing, nor while the provider is away', async () => {
    for (let at = 0; at < 40; at++) await invented();
    expect(admin.logged.length).toBeLessThan(30);
    provider.twist = { discovery: (document) => ({ ...document, issuer: 'https://evil.example' }) };
    await admin.close();
    admin = await startAdmin({ oidc: options });
    const away = 'nobody can sign in by OpenID Connect now';
    const said = (): number => admin.logged.filter((line) => line.includes(away)).length;
    for (let at = 0; at < 40; at++) expect(landed(await go('/v1/sign-in/oidc'))).toBe('/#out=unavailable');
    expect(said()).toBe(1);
    admin.clock.advance(10_000);
    await go('/v1/sign-in/oidc');
    expect(said()).toBe(2);
  });
});

describe('a provider that is not as it should be', () => {
  it.each([
    ['of another name', (document: object) => ({ ...document, issuer: 'https://evil.example' })],
    ['without a place to sign in', (document: object) => ({ ...document, authorization_endpoint: undefined })],
    ['with one in plaintext', (document: object) => ({ ...document, authorization_endpoint: 'http://127.0.0.1:1/' })],
    [
      'with one that is a script',
      (document: object) => ({ ...document, authorization_endpoint: 'javascript:alert(1)' }),
    ],
  ])('is not gone to: %s', async (_what, discovery) => {
    provider.twist = { discovery };
    expect(landed(await go('/v1/sign-in/oidc'))).toBe('/#out=unavailable');
    expect(admin.logged.join('\n')).toContain('nobody can sign in by OpenID Connect now');
    provider.twist = {};
    expect(landed(await go('/v1/sign-in/oidc'))).toContain(`${provider.issuer}/authorize?`);
  });

  it('is asked by eight at a time, and once in five minutes', async () => {
    provider.twist = { hangs: '/.well-known/openid-configuration' };
    provider.asked.clear();
    const hanging = Array.from({ length: 12 }, () => go('/v1/sign-in/oidc'));
    const first = await Promise.race(hanging);
    expect(landed(first)).toBe('/#out=busy');
    await eventually(
      'eight questions',
      () => provider.asked.get('/.well-known/openid-configuration') === 8 || undefined,
    );
    await admin.close();
    await Promise.allSettled(hanging);
    provider.twist = {};
    admin = await startAdmin({ oidc: options });
    provider.asked.clear();
    for (let at = 0; at < 5; at++) await go('/v1/sign-in/oidc');
    expect(provider.asked.get('/.well-known/openid-configuration')).toBe(1);
  });
});
