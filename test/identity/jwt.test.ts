// JWT-SVIDs: keys that are published before they sign, and tokens to the letter of the standard.
import { createPrivateKey, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterEach, beforeEach, describe, expect, it, test, vi } from 'vitest';
import { createEntitled } from '../../src/identity/entitled.ts';
import type { IssuedJwt } from '../../src/identity/jwt/issued-jwts.ts';
import { createJwtIssuer, type JwtIssuer } from '../../src/identity/jwt/jwt-issuer.ts';
import {
  createJwtKeys,
  type JwtKeys,
  keyLifeMs,
  mostTokenMs,
  publishedBeforeMs,
} from '../../src/identity/jwt/jwt-keys.ts';
import { silentLog } from '../../src/lib/log.ts';
import type { Table } from '../../src/lib/table.ts';
import type { SpiffeId } from '../../src/model/spiffe-id.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { figure, qualifying } from '../support/figure.ts';
import { domainOf, idOf } from '../support/identity-harness.ts';
import { createMemoryTable } from '../support/memory-table.ts';

const minute = 60_000;
const trustDomain = domainOf('td1');
const spiffeId = idOf('spiffe://td1/service/api');
let folder: string;
let file: string;
let clock: FakeClock;
let table: Table;
const opened: JwtKeys[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-jwt-'));
  file = join(folder, 'jwt-keys.json');
  clock = createFakeClock(Date.parse('2026-06-01T00:00:00Z'));
  table = createMemoryTable();
});
afterEach(() => {
  for (const keys of opened.splice(0)) keys.close();
  rmSync(folder, { recursive: true, force: true });
});

async function open(at = file): Promise<JwtKeys> {
  const keys = await createJwtKeys({ file: at, table, clock, log: silentLog });
  opened.push(keys);
  return keys;
}
const kids = async (keys: JwtKeys): Promise<readonly string[]> => (await keys.published()).map(({ kid }) => kid);

describe('keys', () => {
  it('are published before they sign, for as long as somebody may ask for keys no more often', async () => {
    const keys = await open();
    const publishedAt = new Map<string, number>();
    const signed = new Set<string>();
    for (let at = 0; at < (3 * keyLifeMs) / (5 * minute); at++) {
      for (const kid of await kids(keys)) if (!publishedAt.has(kid)) publishedAt.set(kid, clock.now());
      const { kid } = await keys.signing();
      const since = publishedAt.get(kid);
      expect(since, kid).toBeDefined();
      // The first of all cannot wait.
      if (signed.size > 0 && !signed.has(kid))
        expect(clock.now() - (since ?? 0)).toBeGreaterThanOrEqual(publishedBeforeMs - 5 * minute);
      signed.add(kid);
      await clock.advance(5 * minute);
    }
    // Each makes room for the next a little before its end.
    expect(signed.size).toBe(4);
  });

  it('stay published until the last token has ended, and go then', async () => {
    const keys = await open();
    const { kid } = await keys.signing();
    await clock.advance(keyLifeMs - 1000);
    expect((await keys.signing()).kid).toBe(kid);
    await clock.advance(mostTokenMs);
    expect((await keys.signing()).kid).not.toBe(kid);
    expect(await kids(keys)).toContain(kid);
    await clock.advance(2000);
    expect(await kids(keys)).not.toContain(kid);
  });

  it('survive a restart, and are nobody else’s to read', async () => {
    const { kid } = await (await open()).signing();
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect((await (await open()).signing()).kid).toBe(kid);
    chmodSync(file, 0o640);
    await expect(open()).rejects.toMatchObject({ hint: expect.stringContaining('chmod 600') });
  });

  it('of a damaged file are refused without a word of what is in it', async () => {
    await open();
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.slice(0, -20));
    const failed: unknown = await open().catch((reason: unknown) => reason);
    expect(failed).toMatchObject({ code: 'failed_precondition', hint: expect.stringContaining('remove it') });
    expect(String(failed)).not.toContain('PRIVATE');
    expect(JSON.stringify(failed)).not.toContain('BEGIN');
  });

  it('are each control plane’s own, and all are published', async () => {
    const [one, two] = [await open(), await open(join(folder, 'other.json'))];
    const signing = await Promise.all([one.signing(), two.signing(), one.signing(), two.signing()]);
    expect(new Set(signing.map(({ kid }) => kid)).size).toBe(2);
    expect(await kids(one)).toEqual(await kids(two));
    expect(await kids(one)).toHaveLength(2);
  });

  it('that many ask for are read once in a while, not each time', async () => {
    let reads = 0;
    const list: Table['list'] = () => {
      reads++;
      return table.list();
    };
    const counted: Table = { ...table, list };
    const keys = await createJwtKeys({ file, table: counted, clock, log: silentLog });
    opened.push(keys);
    for (let turn = 0; turn < 100; turn++) expect(await kids(keys)).toHaveLength(1);
    expect(reads).toBe(1);
    await clock.advance(6000);
    await kids(keys);
    expect(reads).toBe(2);
  });

  it('are not used before they could be published', async () => {
    const failing: Table = { ...table, set: () => Promise.reject(new Error('away')) };
    const keys = await createJwtKeys({ file, table: failing, clock, log: silentLog });
    opened.push(keys);
    await expect(keys.signing()).rejects.toThrow('away');
    expect(await keys.published()).toEqual([]);
  });

  it('that somebody else wrote in another form are not published', async () => {
    const keys = await open();
    await table.set('odd', { jwk: { kty: 'oct', k: 'c2VjcmV0' }, until: clock.now() + minute });
    expect(await kids(keys)).not.toContain('odd');
    expect(await keys.published()).toHaveLength(1);
  });
});

describe('tokens', () => {
  let keys: JwtKeys;
  let issuer: JwtIssuer;
  let ends: number | undefined;
  beforeEach(async () => {
    ends = undefined;
    keys = await open();
    const policy = (id: SpiffeId) =>
      id === spiffeId
        ? { lifetimeMs: 60 * minute, dnsNames: [], ...(ends === undefined ? {} : { notAfter: ends }) }
        : undefined;
    issuer = createJwtIssuer({ keys, entitled: createEntitled({ trustDomain, policy }), trustDomain, clock });
  });

  test('are JWT-SVIDs to the letter, whatever the audiences', async () => {
    const audience = fc.uniqueArray(
      fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }).filter((text) => !/\p{Cc}/u.test(text)),
      { minLength: 1, maxLength: 16 },
    );
    let issued = 0;
    const serials = new Set<string>();
    await fc.assert(
      fc.asyncProperty(audience, fc.integer({ min: 0, max: qualifying ? 9_999 : 999_999 }), async (aud, ms) => {
        clock.advance(ms);
        const { token, expiresAt } = await issuer.issue(spiffeId, aud);
        const text = token.reveal();
        const [head = '', body = '', signature = ''] = text.split('.');
        expect(text).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
        const header = decodeProtectedHeader(text);
        const jwk = (await keys.published()).find(({ kid }) => kid === header.kid);
        expect(header).toEqual({ alg: 'ES256', kid: jwk?.kid, typ: 'JWT' });
        const claims = decodeJwt(text);
        const now = Math.floor(clock.now() / 1000);
        expect(claims).toEqual({
          aud,
          sub: spiffeId,
          iat: now,
          exp: now + 300,
          jti: expect.stringMatching(/^[\w-]{22}$/),
        });
        serials.add(claims.jti ?? '');
        expect(expiresAt).toBe((now + 300) * 1000);
        // By other code than what signed it.
        const key = createPublicKey({ key: { ...jwk }, format: 'jwk' });
        const bytes = Buffer.from(signature, 'base64url');
        expect(verify('sha256', Buffer.from(`${head}.${body}`), { key, dsaEncoding: 'ieee-p1363' }, bytes)).toBe(true);
        issued++;
      }),
      { numRuns: qualifying ? 20_000 : 200 },
    );
    expect(serials.size).toBe(issued);
    figure('jwtSvids', issued);
  }, 600_000);

  test('are on record before anybody has them, with who asked', async () => {
    const rows: IssuedJwt[] = [];
    let recorded = (): void => {};
    const entitled = createEntitled({ trustDomain, policy: () => ({ lifetimeMs: 60 * minute, dnsNames: [] }) });
    const record = (row: IssuedJwt) => {
      rows.push(row);
      return new Promise<void>((resolve) => {
        recorded = resolve;
      });
    };
    const recording = createJwtIssuer({ keys, entitled, trustDomain, record, clock });
    let given = false;
    const issuing = recording.issue(spiffeId, ['db', 'cache'], { nodeKey: 'ab', address: '10.0.0.1' }).then((jwt) => {
      given = true;
      return jwt;
    });
    await vi.waitFor(() => expect(rows).toHaveLength(1));
    await new Promise(setImmediate);
    expect(given).toBe(false);
    recorded();
    const { token, serial, expiresAt } = await issuing;
    const { kid: key } = await keys.signing();
    const now = Math.floor(clock.now() / 1000) * 1000;
    expect(rows).toEqual([
      {
        serial,
        key,
        spiffeId,
        audience: ['db', 'cache'],
        issuedAt: now,
        expiresAt,
        nodeKey: 'ab',
        address: '10.0.0.1',
      },
    ]);
    expect(decodeJwt(token.reveal()).jti).toBe(serial);
    expect(JSON.stringify(rows)).not.toContain(token.reveal().split('.')[2]);
  });

  test('end with the identity', async () => {
    ends = clock.now() + 90_500;
    expect((await issuer.issue(spiffeId, ['a'])).expiresAt).toBe(Math.floor(ends / 1000) * 1000);
    await clock.advance(90_000);
    await expect(issuer.issue(spiffeId, ['a'])).rejects.toMatchObject({ code: 'permission_denied' });
  });

  test.each([
    ['an identity without a document', 'spiffe://td1/service/unknown'],
    ['an operator', 'spiffe://td1/cellwall/operator/jane'],
    ['the control plane', 'spiffe://td1/cellwall/server'],
    ['another trust domain', 'spiffe://td2/service/api'],
  ])('are not for %s', async (_, id) => {
    await expect(issuer.issue(idOf(id), ['a'])).rejects.toMatchObject({ code: 'permission_denied' });
  });

  test.each([
    ['none', []],
    ['an empty one', ['']],
    ['one with a line end', ['a\nb']],
    ['the same twice', ['a', 'a']],
    ['too many', Array.from({ length: 17 }, (_, at) => `a${at}`)],
    ['one that is too long', ['a'.repeat(1025)]],
  ])('are refused for audiences: %s', async (_, audience) => {
    await expect(issuer.issue(spiffeId, audience)).rejects.toMatchObject({ code: 'invalid_argument' });
  });
});

test('a key that is no P-256 key in the file is refused', async () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  writeFileSync(file, JSON.stringify([{ key, from: clock.now() }]), { mode: 0o600 });
  expect(createPrivateKey(key).asymmetricKeyType).toBe('rsa');
  await expect(open()).rejects.toMatchObject({ code: 'failed_precondition' });
});
