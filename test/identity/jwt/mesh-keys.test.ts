// Keys of issuers that a mesh names by an address, from a real https server that rotates them, fails, lies, and goes away.
import { generateKeyPairSync } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { withFetchedKeys } from '../../../src/control/with-fetched-keys.ts';
import { createMeshKeys, type MeshKeys } from '../../../src/identity/jwt/mesh-keys.ts';
import { usableKeys } from '../../../src/identity/jwt/usable-keys.ts';
import { CellwallError } from '../../../src/lib/errors.ts';
import { silentLog } from '../../../src/lib/log.ts';
import type { MeshIr } from '../../../src/policy/ir.ts';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';
import { createMemoryTable } from '../../support/memory-table.ts';
import { createTokenKey } from '../../support/mint-token.ts';
import { meshOf, meshText, problemsOf, serviceText, yaml } from '../../support/resolve-text.ts';
import { createTestCa } from '../../support/test-ca.ts';

const [first, second] = [createTokenKey().jwk, createTokenKey().jwk];
const setOf = (...keys: readonly string[]): string => `{"keys": [${keys.join(', ')}]}`;

let server: Server;
let ca: string;
let url: string;
let asked = 0;
let answer: { readonly status: number; readonly body: string; readonly location?: string };

beforeAll(async () => {
  const testCa = await createTestCa('issuer');
  ca = testCa.root;
  const { certificate, key } = await testCa.issue({ dns: ['localhost'] });
  server = createServer({ cert: certificate, key }, (_, response) => {
    asked++;
    response.writeHead(answer.status, answer.location === undefined ? {} : { location: answer.location });
    response.end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const at = server.address();
  url = `https://localhost:${typeof at === 'object' ? at?.port : ''}/keys`;
});
afterAll(() => void server.close());

let clock: FakeClock;
let keys: MeshKeys;
let changes: number;
let table: ReturnType<typeof createMemoryTable>;

const start = async (): Promise<void> => {
  keys = createMeshKeys({ table, clock, log: silentLog, onChange: () => void changes++, random: () => 0.5 });
  await keys.restore();
};

beforeEach(async () => {
  [asked, changes, clock, table] = [0, 0, createFakeClock(), createMemoryTable()];
  answer = { status: 200, body: setOf(first) };
  await start();
  return () => keys.stop();
});

const mesh = (name = 'gitlab', more = `jwksCa: ${JSON.stringify(ca)}`): MeshIr =>
  meshOf(
    yaml(
      meshText('strict', `, jwtIssuers: [{name: ${name}, issuer: "https://gitlab.test", jwksUri: "${url}", ${more}}]`),
      serviceText('api'),
    ),
  );
const kept = (of = mesh()): string | undefined => withFetchedKeys(of, keys.of).jwtIssuers.get('gitlab')?.jwks;
/** Until the request that is under way has its answer. */
const settled = (count: number): Promise<void> =>
  vi.waitFor(() => {
    expect(asked).toBe(count);
    expect(keys.status()[0]).toSatisfy(({ fetchedAt, error }) => (error?.at ?? fetchedAt) === clock.now());
  });

describe('keys of a mesh', () => {
  it('are fetched at once, and once a minute; a rotated key comes, a removed one goes', async () => {
    expect(kept()).toBeUndefined();
    keys.follow(mesh().jwtIssuers.values());
    await settled(1);
    expect(kept()).toBe(usableKeys(setOf(first)));
    expect(changes).toBe(1);
    answer = { status: 200, body: setOf(second, first) };
    clock.advance(59_000);
    expect(asked).toBe(1);
    clock.advance(1000);
    await settled(2);
    expect(kept()).toBe(usableKeys(setOf(first, second)));
    // In another order they are the same.
    answer = { status: 200, body: setOf(first, second) };
    clock.advance(60_000);
    await settled(3);
    expect(changes).toBe(2);
    answer = { status: 200, body: setOf(second) };
    clock.advance(60_000);
    await settled(4);
    expect(kept()).toBe(usableKeys(setOf(second)));
  });

  it.each([
    ['an error', { status: 503, body: 'busy' }],
    ['a redirect', { status: 302, body: '', location: 'https://localhost/other' }],
    ['no JSON', { status: 200, body: '<html>' }],
    ['no keys', { status: 200, body: setOf() }],
    ['a shared secret', { status: 200, body: setOf('{"kty":"oct","k":"eA","alg":"HS256"}') }],
    [
      'a key that is none',
      { status: 200, body: setOf('{"kty":"RSA","kid":"k1","alg":"RS256","n":"failed","e":"AQAB"}') },
    ],
    ['too much', { status: 200, body: ' '.repeat(300_000) }],
  ])('stay as they are after %s, for hours and over a restart; it is asked again soon', async (_what, bad) => {
    keys.follow(mesh().jwtIssuers.values());
    await settled(1);
    const good = kept();
    answer = bad;
    clock.advance(60_000);
    await settled(2);
    expect(keys.status()).toMatchObject([{ issuer: 'gitlab', keys: 1, error: { message: expect.any(String) } }]);
    for (let count = 3; count < 6; count++) {
      clock.advance(10_000);
      await settled(count);
    }
    clock.jump(3_600_000);
    expect(kept()).toBe(good);
    keys.stop();
    await start();
    expect(kept()).toBe(good);
    answer = { status: 200, body: setOf(second) };
    keys.follow(mesh().jwtIssuers.values());
    await settled(6);
    expect(kept()).toBe(usableKeys(setOf(second)));
  });

  it('are not taken from a server that somebody else vouches for', async () => {
    keys.follow(mesh('gitlab', 'header: authorization').jwtIssuers.values());
    await vi.waitFor(() => expect(keys.status()).toMatchObject([{ keys: 0, error: {} }]));
    expect([asked, changes]).toEqual([0, 0]);
  });

  it('are fetched for the issuers that the mesh names, while it does', async () => {
    keys.follow(mesh().jwtIssuers.values());
    await settled(1);
    keys.follow(mesh().jwtIssuers.values());
    keys.follow([]);
    expect(keys.status()).toEqual([]);
    clock.advance(600_000);
    await new Promise(setImmediate);
    expect(asked).toBe(1);
    // What it signed with once does not count if it comes back, nor after a restart.
    expect(kept()).toBeUndefined();
    expect(await table.list()).toEqual([]);
  });

  it('are in the store as soon as it takes them: after a restart they are there', async () => {
    const memory = table;
    let isAway = true;
    table = {
      ...memory,
      set: (...args) => (isAway ? Promise.reject(new CellwallError('unavailable', 'away')) : memory.set(...args)),
    };
    keys.stop();
    await start();
    keys.follow(mesh().jwtIssuers.values());
    await settled(1);
    // They were fetched, and are in force.
    expect(keys.status()).toMatchObject([{ keys: 1 }]);
    expect(keys.status()[0]?.error).toBeUndefined();
    await new Promise(setImmediate);
    isAway = false;
    clock.advance(60_000);
    await settled(2);
    await vi.waitFor(async () => expect(await memory.list()).toHaveLength(1));
    expect(changes).toBe(1);
    keys.stop();
    await start();
    expect(kept()).toBe(usableKeys(setOf(first)));
  });

  it('leave a mesh without such issuers as it is, and add nothing twice', async () => {
    const plain = meshOf(yaml(meshText('strict'), serviceText('api')));
    expect(withFetchedKeys(plain, keys.of)).toBe(plain);
    keys.follow(mesh().jwtIssuers.values());
    await settled(1);
    const complete = withFetchedKeys(mesh(), keys.of);
    expect(withFetchedKeys(complete, keys.of)).toBe(complete);
  });
});

it.each([
  ['neither', '', 'has neither jwks nor jwksUri'],
  ['both', `, jwksUri: "https://x.test/k", jwks: ${JSON.stringify(setOf(first))}`, 'has both jwks and jwksUri'],
  ['a CA that is none', ', jwksUri: "https://x.test/k", jwksCa: "x"', 'no PEM certificate in it'],
])('a document with %s is refused', (_what, more, message) => {
  const text = yaml(
    meshText('strict', `, jwtIssuers: [{name: g, issuer: "https://g.test"${more}}]`),
    serviceText('api'),
  );
  expect(problemsOf(text)).toMatchObject([{ severity: 'error', message: expect.stringContaining(message) }]);
});

describe('usable keys', () => {
  const rsa: object = JSON.parse(first);
  const taken = (...all: readonly object[]): unknown =>
    JSON.parse(usableKeys(setOf(...all.map((key) => JSON.stringify(key))))).keys;

  it('are those that verify, with a fixed algorithm and no member more', () => {
    const { alg: _, ...withoutAlg } = { alg: '', ...rsa };
    const ec = { ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }) };
    expect(taken({ ...withoutAlg, x5u: 'https://x.test' })).toEqual([{ ...rsa, alg: 'RS256' }]);
    expect(taken(ec)).toEqual([{ ...ec, alg: 'ES256' }]);
    const others = [
      ...[
        { ...rsa, d: 'eA' },
        { ...rsa, use: 'enc' },
        { ...rsa, alg: 'HS256' },
        { ...rsa, alg: 'none' },
        { ...ec, alg: 'ES512' },
      ],
      ...[{ ...ec, crv: 'secp256k1' }, { kty: 'oct', k: 'eA' }, {}, { kty: 'RSA' }],
      // Envoy takes a set with one key that it can read, and refuses a listener with a set of such ones alone.
      ...[
        { ...ec, x: 'eA' },
        { ...rsa, n: '!!!' },
        { ...rsa, n: '' },
        { ...rsa, e: '' },
        { ...rsa, e: 'Ag' },
        { ...rsa, n: 'failedToFetch' },
      ],
      { kty: 'OKP', crv: 'Ed25519', x: 'eA' },
    ];
    for (const other of others) expect(taken(rsa, other)).toEqual([rsa]);
    for (const other of others) expect(() => taken(other)).toThrow('no public key');
    // RFC 7515 §2 has another alphabet, and no padding; Envoy reads no other.
    const padded = String(Object(rsa).n).replaceAll('-', '+').replaceAll('_', '/');
    expect(taken(rsa, { ...rsa, n: `${padded}==` })).toEqual([rsa]);
  });
});
