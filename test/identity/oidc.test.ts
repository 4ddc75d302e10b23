// Relying parties of OpenID Connect verify JWT-SVIDs by a discovery document and keys, over a port of their own or from files.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRemoteJWKSet, customFetch, jwtVerify } from 'jose';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { z } from 'zod';
import { type CurrentDocuments, createCurrentDocuments } from '../../src/identity/jwt/current-documents.ts';
import { createJwtIssuer } from '../../src/identity/jwt/jwt-issuer.ts';
import { createJwtKeys, type JwtKeys, keyLifeMs } from '../../src/identity/jwt/jwt-keys.ts';
import { firstKeyWaitsMs, keysMaxAgeS, oidcDocuments, parseIssuer } from '../../src/identity/jwt/oidc-documents.ts';
import { createOidcFiles } from '../../src/identity/jwt/oidc-files.ts';
import { createOidcServer, type OidcServer } from '../../src/identity/jwt/oidc-server.ts';
import { silentLog } from '../../src/lib/log.ts';
import type { Table } from '../../src/lib/table.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { domainOf, idOf } from '../support/identity-harness.ts';
import { createMemoryTable } from '../support/memory-table.ts';

const issuer = 'https://oidc.example.org/prod';
const trustDomain = domainOf('td1');
const spiffeId = idOf('spiffe://td1/service/api');
const minute = 60_000;
let folder: string;
let clock: FakeClock;
let table: Table;
let closing: (() => void | Promise<void>)[];
/** What timers began goes as far as it can without time. */
const settled = () => new Promise(setImmediate);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-oidc-'));
  clock = createFakeClock(Date.parse('2026-06-01T00:00:00Z'));
  table = createMemoryTable();
  closing = [];
});
afterEach(async () => {
  for (const close of closing.reverse()) await close();
  rmSync(folder, { recursive: true, force: true });
});

/** A control plane's own keys, and what it issues with them. */
async function controlPlane(name: string, firstWaitsMs = firstKeyWaitsMs) {
  const keys = await createJwtKeys({ file: join(folder, name), table, firstWaitsMs, clock, log: silentLog });
  closing.push(keys.close);
  const entitled = async () => ({ lifetimeMs: 60 * minute, dnsNames: [] });
  const tokens = createJwtIssuer({ keys, entitled, trustDomain, clock, issuer });
  return { keys, token: async (...audience: string[]) => (await tokens.issue(spiffeId, audience)).token.reveal() };
}

async function served(
  keys: JwtKeys,
  at = issuer,
): Promise<{ documents: CurrentDocuments; server: OidcServer; url: string }> {
  const documents = await createCurrentDocuments({ issuer: at, keys, clock, log: silentLog });
  const server = createOidcServer({ issuer: at, documents });
  closing.push(documents.close, server.close);
  const { host, port } = await server.listen({ host: '127.0.0.1', port: 0 });
  return { documents, server, url: `http://${host}:${port}` };
}

const discovery = z.strictObject({
  issuer: z.string(),
  jwks_uri: z.string(),
  response_types_supported: z.tuple([z.literal('id_token')]),
  subject_types_supported: z.tuple([z.literal('public')]),
  id_token_signing_alg_values_supported: z.tuple([z.literal('ES256')]),
});

describe('an issuer', () => {
  test.each(['https://oidc.example.org', 'https://oidc.example.org:8443/a/b', 'https://a', 'https://10.0.0.1/x_y'])(
    'may be %s',
    (text) => expect(parseIssuer(text)).toBe(text),
  );
  test.each([
    ['no https', 'http://oidc.example.org'],
    ['a final slash', 'https://oidc.example.org/'],
    ['a final slash of a path', 'https://oidc.example.org/a/'],
    ['capital letters', 'https://OIDC.example.org'],
    ['a user', 'https://me@oidc.example.org'],
    ['a query', 'https://oidc.example.org?a'],
    ['a fragment', 'https://oidc.example.org#a'],
    ['dots', 'https://oidc.example.org/../a'],
    ['escapes', 'https://oidc.example.org/%2e'],
    ['an odd port', 'https://oidc.example.org:99999'],
    ['no host', 'https://'],
    ['a line end', 'https://oidc.example.org\n'],
    ['too much', `https://${'a'.repeat(250)}`],
  ])('may not have %s', (_, text) => expect(() => parseIssuer(text)).toThrow('not the URL of an issuer'));
});

describe('a relying party', () => {
  it('verifies a token by discovery, with a library that knows nothing of SPIFFE', async () => {
    const { keys, token } = await controlPlane('one');
    const { url } = await served(keys);
    // What stands in front of it for the world: TLS, and the issuer's name.
    const front: typeof fetch = (input) => fetch(String(input).replace('https://oidc.example.org', url));
    const found = discovery.parse(await (await front(`${issuer}/.well-known/openid-configuration`)).json());
    expect(found.issuer).toBe(issuer);
    const set = createRemoteJWKSet(new URL(found.jwks_uri), { [customFetch]: front });
    const options = { issuer, audience: 'bucket', algorithms: found.id_token_signing_alg_values_supported };
    const { payload } = await jwtVerify(await token('bucket'), set, { ...options, currentDate: new Date(clock.now()) });
    expect(payload).toMatchObject({ iss: issuer, sub: spiffeId, aud: ['bucket'] });
    const verify = (text: string, other: object) =>
      jwtVerify(text, set, { ...options, currentDate: new Date(clock.now()), ...other });
    await expect(verify(await token('bucket'), { audience: 'other' })).rejects.toThrow('"aud"');
    await expect(verify(await token('bucket'), { issuer: `${issuer}/` })).rejects.toThrow('"iss"');
  });

  it('that keeps keys as long as it may never meets an unknown one: rotation, new and lost replicas', async () => {
    const planes = [await controlPlane('one'), await controlPlane('two')];
    const [first] = planes;
    if (first === undefined) throw new Error('no control plane');
    const documents = await createCurrentDocuments({ issuer, keys: first.keys, clock, log: silentLog });
    closing.push(documents.close);
    const jwks = z.object({ keys: z.array(z.object({ kid: z.string() })) });
    const read = () => new Set(jwks.parse(JSON.parse(documents.value().keys)).keys.map(({ kid }) => kid));
    let known = read();
    let readAt = clock.now();
    const kids = new Set<string>();
    let refused = 0;
    for (let at = 0; at < (2 * keyLifeMs) / minute; at++) {
      if (at === 600) planes.push(await controlPlane('three'));
      if (at === 1800) {
        rmSync(join(folder, 'two'));
        planes[1] = await controlPlane('two');
      }
      if (clock.now() - readAt >= keysMaxAgeS * 1000) [known, readAt] = [read(), clock.now()];
      for (const { keys } of planes) {
        const signing = await keys.signing().catch((reason: unknown) => {
          expect(reason).toMatchObject({ code: 'unavailable', hint: expect.stringContaining('it signs in') });
          refused++;
        });
        if (signing === undefined) continue;
        kids.add(signing.kid);
        if (!known.has(signing.kid)) throw new Error(`nobody knows the key of minute ${at}`);
      }
      clock.advance(minute);
      await settled();
    }
    expect(kids.size).toBeGreaterThanOrEqual(7);
    // Three that were new beside others, two minutes each, asked once a minute.
    expect(refused).toBeGreaterThanOrEqual(3);
    expect(refused).toBeLessThanOrEqual(7);
  }, 60_000);
});

describe('keys', () => {
  it('of the very first control plane sign at once', async () => {
    await expect((await controlPlane('one')).token('a')).resolves.toBeTypeOf('string');
  });

  it('of a second one do not, unless no relying party is told of them', async () => {
    await controlPlane('one');
    await expect((await controlPlane('two')).token('a')).rejects.toMatchObject({ code: 'unavailable' });
    await expect((await controlPlane('three', 0)).token('a')).resolves.toBeTypeOf('string');
  });

  it('do not wait longer because a clock was set back', async () => {
    await (await controlPlane('one')).token('a');
    clock.jump(-12 * 60 * minute);
    const { token } = await controlPlane('one');
    const again = await token('a').catch((reason: unknown) => reason);
    if (typeof again !== 'string') expect(again).toMatchObject({ code: 'unavailable' });
    clock.advance(firstKeyWaitsMs);
    await expect(token('a')).resolves.toBeTypeOf('string');
  });

  it('have a use that relying parties know, and nothing secret', async () => {
    const { keys } = await controlPlane('one');
    const text = oidcDocuments(issuer, await keys.published()).keys;
    const key = z.strictObject({
      kty: z.literal('EC'),
      crv: z.literal('P-256'),
      ...{ x: z.string(), y: z.string(), kid: z.string() },
      ...{ use: z.literal('sig'), alg: z.literal('ES256') },
    });
    expect(z.strictObject({ keys: z.array(key).length(1) }).safeParse(JSON.parse(text)).error).toBeUndefined();
  });

  it('stay as they were while the table cannot be read, and are never believed to be none', async () => {
    let fails = false;
    const list: Table['list'] = () => (fails ? Promise.reject(new Error('away')) : table.list());
    const keys = await createJwtKeys({ file: join(folder, 'one'), table: { ...table, list }, clock, log: silentLog });
    closing.push(keys.close);
    const { documents } = await served(keys);
    const before = documents.value();
    fails = true;
    clock.advance(minute);
    await settled();
    expect(documents.value()).toBe(before);
    await expect(createCurrentDocuments({ issuer, keys, clock, log: silentLog })).rejects.toThrow('away');
  });
});

describe('the port', () => {
  test.each([
    ['/.well-known/openid-configuration', 'public, max-age=300'],
    ['/keys.json', `public, max-age=${keysMaxAgeS}`],
    ['/prod/keys.json', `public, max-age=${keysMaxAgeS}`],
    ['/keys.json?x=1', `public, max-age=${keysMaxAgeS}`],
  ])('answers %s, to be kept for as long as it may', async (path, cache) => {
    const { url, documents } = await served((await controlPlane('one')).keys);
    const answer = await fetch(url + path);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'application/json',
      'cache-control': cache,
    });
    expect(Object.values(documents.value())).toContain(await answer.text());
    const head = await fetch(url + path, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
  });

  test.each([
    ['GET', '/', 404],
    ['GET', '/metrics', 404],
    ['GET', '/prod/../keys.json', 404],
    ['GET', '//keys.json', 404],
    ['POST', '/keys.json', 405],
    ['DELETE', '/keys.json', 405],
    ['OPTIONS', '*', 405],
  ])('answers %s %s with %i', async (method, path, status) => {
    const { url } = await served((await controlPlane('one')).keys);
    const got = await new Promise((resolve, reject) => {
      const asked = request(url, { method, path, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      asked.on('error', reject).end();
    });
    expect(got).toBe(status);
  });

  it('does not wait for a body that never ends', async () => {
    const { url } = await served((await controlPlane('one')).keys);
    const status = await new Promise((resolve, reject) => {
      const headers = { 'content-length': '1000000' };
      const asked = request(`${url}/keys.json`, { method: 'POST', headers, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      asked.on('error', reject);
      asked.write('a');
      closing.push(() => void asked.destroy());
    });
    expect(status).toBe(405);
  });
});

describe('files', () => {
  const signal = new AbortController().signal;
  const place = () => join(folder, 'public');
  const documents = oidcDocuments(issuer, []);

  it('are what the port answers, for anybody to read', async () => {
    const files = createOidcFiles(place());
    expect(await files.confirm(documents, signal)).toMatchObject({ kind: 'different' });
    await files.publish(documents, signal);
    expect(await files.confirm(documents, signal)).toEqual({ kind: 'confirmed' });
    const paths = ['keys.json', '.well-known/openid-configuration'].map((name) => join(place(), name));
    expect(paths.map((path) => readFileSync(path, 'utf8'))).toEqual([documents.keys, documents.configuration]);
    expect(paths.map((path) => statSync(path).mode & 0o777)).toEqual([0o644, 0o644]);
    const before = paths.map((path) => statSync(path).ino);
    await files.publish(documents, signal);
    expect(paths.map((path) => statSync(path).ino)).toEqual(before);
  });

  it('that somebody changed are seen, and put right; links are not followed', async () => {
    const files = createOidcFiles(place());
    await files.publish(documents, signal);
    const keys = join(place(), 'keys.json');
    writeFileSync(keys, '{"keys":[]}');
    expect(await files.confirm(documents, signal)).toEqual({ kind: 'different', why: 'keys.json has other content' });
    const victim = join(folder, 'victim');
    writeFileSync(victim, 'mine');
    rmSync(keys);
    symlinkSync(victim, keys);
    await files.publish(documents, signal);
    expect(await files.confirm(documents, signal)).toEqual({ kind: 'confirmed' });
    expect(readFileSync(victim, 'utf8')).toBe('mine');
  });

  it('are not written into a folder that others may write to, or that is a link', async () => {
    mkdirSync(place());
    mkdirSync(join(folder, 'elsewhere'));
    symlinkSync(join(folder, 'elsewhere'), join(place(), '.well-known'));
    await expect(createOidcFiles(place()).publish(documents, signal)).rejects.toThrow('is a symlink');
  });
});
