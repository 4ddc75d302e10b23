// Whatever a bundle says, it is refused in words, or its roots are CA certificates of that trust domain, and its keys public ones.
import { createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import { readForeignBundle } from '../../src/identity/federation/foreign-bundle.ts';
import { formatSpiffeBundle } from '../../src/identity/spiffe-bundle.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import type { TrustDomain } from '../../src/model/spiffe-id.ts';
import { createTestCa } from '../support/test-ca.ts';

const trustDomain = 'partner.example' as TrustDomain;
let root: string;
let leaf: string;
let weak: object;

beforeAll(async () => {
  const ca = await createTestCa('partner');
  root = new X509Certificate(ca.root).toString();
  leaf = (await ca.issue({ uri: 'spiffe://partner.example/x' })).certificate;
  weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' });
});

function judge(text: string): void {
  try {
    const { roots, jwtKeys } = readForeignBundle(text, trustDomain);
    for (const pem of roots) expect(new X509Certificate(pem).ca).toBe(true);
    for (const key of jwtKeys) {
      expect(Object.keys(JSON.parse(key))).not.toContain('d');
      createPublicKey({ key: JSON.parse(key), format: 'jwk' });
    }
  } catch (reason) {
    if (!(reason instanceof CellwallError)) throw reason;
    expect(reason.code).toBe('invalid_argument');
    expect(reason.message.length).toBeLessThan(200);
  }
}

it('of any text or JSON', () => {
  const der = (pem: string) => new X509Certificate(pem).raw.toString('base64');
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = privateKey.export({ format: 'jwk' });
  const x5c = fc.oneof(
    fc.constantFrom([der(root)], [der(leaf)], [der(root), der(root)], [], ['x'], der(root)),
    fc.array(fc.string(), { maxLength: 2 }),
    fc.anything(),
  );
  const key = fc.oneof(
    fc.record(
      { use: fc.constantFrom('x509-svid', 'jwt-svid', 'other'), x5c, kid: fc.option(fc.string()) },
      { requiredKeys: [] },
    ),
    fc.constantFrom(
      { ...jwk, use: 'jwt-svid', kid: 'a' },
      { ...weak, use: 'jwt-svid', kid: 'b' },
      { kty: 'oct', k: 'AAAA', use: 'jwt-svid', kid: 'c' },
      { ...jwk, use: 'jwt-svid' },
      null,
    ),
  );
  const bundle = fc.record(
    {
      keys: fc.oneof(fc.array(key, { maxLength: 70 }), fc.anything()),
      spiffe_sequence: fc.oneof(fc.integer(), fc.anything()),
    },
    { requiredKeys: [] },
  );
  const text = fc.oneof(
    fc.string(),
    fc.jsonValue().map((value) => JSON.stringify(value)),
    bundle.map((value) => {
      try {
        return JSON.stringify(value) ?? '{';
      } catch {
        return '{"keys": 1}';
      }
    }),
    fc.integer({ min: 0, max: root.length }).map((length) => root.slice(0, length)),
    fc.string().map((other) => `${root}${other}${root}`),
  );
  fc.assert(fc.property(text, judge), { numRuns: 500 });
});

it('keeps nothing private, nothing of another trust domain, nothing too large', async () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwt = { ...privateKey.export({ format: 'jwk' }), use: 'jwt-svid', kid: 'a' };
  const [key = ''] = readForeignBundle(JSON.stringify({ keys: [jwt] }), trustDomain).jwtKeys;
  expect(Object.keys(JSON.parse(key)).sort()).toEqual(['crv', 'kid', 'kty', 'use', 'x', 'y']);
  expect(() =>
    readForeignBundle(JSON.stringify({ keys: [{ ...weak, use: 'jwt-svid', kid: 'b' }] }), trustDomain),
  ).toThrow('neither EC nor RSA');
  expect(() => readForeignBundle(leaf, trustDomain)).toThrow('not one of a CA');
  expect(() => readForeignBundle(`{"keys": [], "x": "${'x'.repeat(262_144)}"}`, trustDomain)).toThrow('longer than');
  const own = JSON.parse(formatSpiffeBundle({ sequence: 3, roots: [root] }));
  expect(readForeignBundle(JSON.stringify(own), trustDomain)).toMatchObject({
    sequence: 3,
    refreshMs: 300_000,
    roots: [root],
  });
  const nothing = { ...own, keys: [...own.keys, { use: 'x509-svid' }] };
  expect(() => readForeignBundle(JSON.stringify(nothing), trustDomain)).toThrow('exactly one certificate');
});
