// The search for secrets in outputs: met in every form and at every place, also in pieces of a key that lines break; nothing else is met.
import { createHash, createPrivateKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { keyValues } from '../../support/canary/key-values.ts';
import { createSearch } from '../../support/canary/search.ts';

const bytes = fc
  .uint8Array({ minLength: 32, maxLength: 48 })
  .filter((value) => new Set(value).size > 10)
  .map((value) => Buffer.from(value));
const around = fc.string({ unit: 'binary', maxLength: 40 });

const forms: Readonly<Record<string, (secret: Buffer) => Buffer | string>> = {
  'as it is': (secret) => secret,
  hex: (secret) => secret.toString('hex'),
  'upper hex': (secret) => secret.toString('hex').toUpperCase(),
  base64: (secret) => secret.toString('base64'),
  base64url: (secret) => secret.toString('base64url'),
  'base64 behind one byte': (secret) => Buffer.concat([Buffer.from('a'), secret]).toString('base64'),
  'base64 between bytes': (secret) =>
    Buffer.concat([Buffer.from('ab'), secret, Buffer.from('c')]).toString('base64url'),
  'of openssl': (secret) => (secret.toString('hex').match(/../g) ?? []).join(':'),
  'a buffer that is printed': (secret) => inspect(secret),
  'a buffer in JSON': (secret) => JSON.stringify({ secret }),
  'an array that is printed': (secret) => inspect([...secret], { maxArrayLength: null }),
  'numbers in lines': (secret) => [...secret].map((byte) => `   ${byte},\n`).join(''),
  'a token in basic authorization': (secret) => Buffer.from(`a:${secret.toString('base64url')}`).toString('base64'),
  'a token in hex': (secret) => Buffer.from(secret.toString('base64url')).toString('hex'),
};

test.each(Object.entries(forms))('%s', (_, write) => {
  fc.assert(
    fc.property(bytes, around, around, (secret, before, after) => {
      const search = createSearch([{ kind: 'token', bytes: secret }]);
      const text = Buffer.concat([Buffer.from(before), Buffer.from(write(secret)), Buffer.from(after)]);
      expect(search.in(text).map((find) => find.secret.bytes)).toContainEqual(secret);
    }),
  );
});

test.each([
  ['PKCS #8', () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, 'pkcs8'],
  ['SEC 1', () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, 'sec1'],
  ['PKCS #1', () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey, 'pkcs1'],
] as const)('a key in lines of %s, however they are indented or escaped', (_, make, type) => {
  const key = make();
  const values = keyValues(key, createPrivateKey).map((value) => Buffer.from(value));
  expect(values.length).toBeGreaterThan(0);
  const search = createSearch(values.map((value) => ({ kind: 'private key', bytes: value })));
  const pem = String(key.export({ format: 'pem', type }));
  for (const text of [pem, JSON.stringify({ pem }), pem.replaceAll('\n', '\n      '), pem.replaceAll('\n', ' ')]) {
    expect(search.in(Buffer.from(text)).length).toBeGreaterThan(0);
  }
});

test('all of many, each where it stands, and not what only looks like them', () => {
  const secrets = Array.from({ length: 2000 }, (_, index) => ({ kind: `key`, bytes: randomBytes(32), index }));
  const search = createSearch(secrets);
  const lines = secrets.map(
    ({ bytes: secret, index }) => `${index} ${secret.toString(index % 2 === 0 ? 'hex' : 'base64')}\n`,
  );
  const text = Buffer.from(lines.join(''));
  const finds = search.in(text);
  expect(finds.length).toBe(secrets.length);
  expect(finds.findIndex(({ secret }, index) => secret !== secrets[index])).toBe(-1);
  expect(finds.every(({ position }) => position < text.length)).toBe(true);
  const digests = secrets.map(({ bytes: secret }) => createHash('sha256').update(secret).digest('hex'));
  const pieces = secrets.map(({ bytes: secret }) => secret.toString('base64').slice(0, 12));
  expect(search.in(Buffer.from([...digests, ...pieces].join('\n')))).toEqual([]);
  expect(search.in(randomBytes(8 * 1024 * 1024))).toEqual([]);
  expect(createSearch([]).in(text)).toEqual([]);
});
