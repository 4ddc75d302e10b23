// JWT-SVIDs over the Workload API, from a control plane's identity API to a client of gRPC; and what is no JWT-SVID.

import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';
import { createLocalJWKSet, decodeJwt, exportJWK, type JSONWebKeySet, jwtVerify, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  JWTBundlesResponseSchema,
  JWTSVIDRequestSchema,
  JWTSVIDResponseSchema,
  ValidateJWTSVIDRequestSchema,
  ValidateJWTSVIDResponseSchema,
} from '#gen/workload_pb.js';
import type { ForeignTrust } from '../../src/identity-api/foreign-trust.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createWatched } from '../../src/lib/watchable.ts';
import { keepSvid } from '../../src/sidecar/svid/keep-svid.ts';
import { verifyJwt } from '../../src/workload-api/verify-jwt.ts';
import { createWorkloadApi } from '../../src/workload-api/workload-api.ts';
import { createIdentityHarness, type IdentityHarness } from '../support/identity-harness.ts';

const spiffeId = 'spiffe://td1/service/api';
const stop = new AbortController();
const foreign = createWatched<readonly ForeignTrust[]>([]);
const refusal = createWatched<CellwallError | undefined>(undefined);
let harness: IdentityHarness;
let folder: string;
let api: { close(): Promise<void> };
let client: grpc.Client;

beforeAll(async () => {
  harness = await createIdentityHarness();
  folder = mkdtempSync(join(tmpdir(), 'cellwall-jwt-'));
  const { svid, jwt } = await keepSvid({
    identity: `127.0.0.1:${harness.address.port}`,
    dir: join(folder, 'svid'),
    token: await harness.token(spiffeId),
    ...{ log: silentLog, signal: stop.signal },
  });
  const socket = { path: join(folder, 'api.sock') };
  const known = { ...jwt, foreign: () => foreign };
  api = await createWorkloadApi({ socket, svid, jwt: known, refusal, clock: systemClock, log: silentLog });
  client = new grpc.Client(`unix:${socket.path}`, grpc.credentials.createInsecure());
});
afterAll(async () => {
  stop.abort();
  client.close();
  await api.close();
  await harness.close();
  rmSync(folder, { recursive: true, force: true });
});

const raw = (bytes: Buffer): Buffer => bytes;
function call(method: string, request: Uint8Array): Promise<Buffer> {
  const metadata = new grpc.Metadata();
  metadata.set('workload.spiffe.io', 'true');
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      `/SpiffeWorkloadAPI/${method}`,
      raw,
      raw,
      Buffer.from(request),
      metadata,
      (error, reply) => {
        if (error !== null) reject(error);
        else resolve(reply ?? Buffer.alloc(0));
      },
    );
  });
}
async function fetchJwt(audience: readonly string[], id = ''): Promise<string> {
  const request = toBinary(
    JWTSVIDRequestSchema,
    create(JWTSVIDRequestSchema, { audience: [...audience], spiffeId: id }),
  );
  const { svids } = fromBinary(JWTSVIDResponseSchema, await call('FetchJWTSVID', request));
  expect(svids).toHaveLength(1);
  expect(svids[0]?.spiffeId).toBe(spiffeId);
  return svids[0]?.svid ?? '';
}
async function validate(svid: string, audience = 'db') {
  const request = create(ValidateJWTSVIDRequestSchema, { audience, svid });
  return fromBinary(
    ValidateJWTSVIDResponseSchema,
    await call('ValidateJWTSVID', toBinary(ValidateJWTSVIDRequestSchema, request)),
  );
}
async function keySet(): Promise<string> {
  const metadata = new grpc.Metadata();
  metadata.set('workload.spiffe.io', 'true');
  const stream = client.makeServerStreamRequest(
    '/SpiffeWorkloadAPI/FetchJWTBundles',
    raw,
    raw,
    Buffer.alloc(0),
    metadata,
  );
  const first = await new Promise<Buffer>((resolve, reject) => {
    stream.on('data', resolve);
    stream.on('error', reject);
  });
  stream.on('error', () => undefined);
  stream.cancel();
  const { bundles } = fromBinary(JWTBundlesResponseSchema, first);
  expect(Object.keys(bundles)).toEqual(['spiffe://td1']);
  return Buffer.from(bundles['spiffe://td1'] ?? []).toString();
}

test('a token of this identity for the audiences that were asked for, which others can verify', async () => {
  const token = await fetchJwt(['db', 'cache']);
  expect(decodeJwt(token)).toMatchObject({ sub: spiffeId, aud: ['db', 'cache'] });
  const { spiffeId: id, claims } = await validate(token);
  expect(id).toBe(spiffeId);
  expect(claims).toMatchObject({ sub: spiffeId, aud: ['db', 'cache'] });
  await expect(validate(token, 'other')).rejects.toMatchObject({ code: grpc.status.INVALID_ARGUMENT });
});

test('the same token for half of its life, another for other audiences', async () => {
  const [one, again, other] = [await fetchJwt(['x']), await fetchJwt(['x']), await fetchJwt(['y'])];
  expect(again).toBe(one);
  expect(other).not.toBe(one);
});

test('a host that was thrown out gets no token, not even the one that is kept; it still verifies those of others', async () => {
  const kept = await fetchJwt(['kept']);
  refusal.set(new CellwallError('failed_precondition', 'this host was evicted'));
  await expect(fetchJwt(['kept'])).rejects.toMatchObject({ code: grpc.status.PERMISSION_DENIED });
  expect((await validate(kept, 'kept')).spiffeId).toBe(spiffeId);
  refusal.set(undefined);
  expect(await fetchJwt(['kept'])).toBe(kept);
});

test('an audience that is named twice is one', async () => {
  expect(decodeJwt(await fetchJwt(['twice', 'twice', 'once'])).aud).toEqual(['twice', 'once']);
});

test('another’s identity is refused, as are requests without an audience and bytes that are no request', async () => {
  await expect(fetchJwt(['db'], 'spiffe://td1/service/other')).rejects.toMatchObject({
    code: grpc.status.PERMISSION_DENIED,
  });
  expect(decodeJwt(await fetchJwt(['db'], spiffeId)).sub).toBe(spiffeId);
  await expect(fetchJwt([])).rejects.toMatchObject({ code: grpc.status.INVALID_ARGUMENT });
  for (const method of ['FetchJWTSVID', 'ValidateJWTSVID']) {
    await expect(call(method, Buffer.from('ffffffff', 'hex'))).rejects.toMatchObject({
      code: grpc.status.INVALID_ARGUMENT,
    });
  }
});

describe('what is no JWT-SVID is refused with its reason, whoever made it', () => {
  const now = Date.now();
  const seconds = Math.floor(now / 1000);
  const claims = { sub: spiffeId, aud: ['db'], iat: seconds, exp: seconds + 300 };
  const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const encode = (value: unknown): string =>
    Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
  const kid = 'key-1';
  const header = { alg: 'ES256', kid, typ: 'JWT' };
  const es256 = (head: unknown, body: unknown, key: KeyObject = own.privateKey): string => {
    const text = `${encode(head)}.${encode(body)}`;
    return `${text}.${sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
  };
  let keys: string;
  beforeAll(async () => {
    keys = JSON.stringify({ keys: [{ ...(await exportJWK(own.publicKey)), kid, use: 'jwt-svid', alg: 'ES256' }] });
  });
  const judged = (token: string, over: object = {}) =>
    verifyJwt({ token, audience: 'db', trustDomain: 'spiffe://td1', keys, now, ...over });

  test('the control: one that is', async () => {
    await expect(judged(es256(header, claims))).resolves.toMatchObject({ spiffeId });
    const { typ: _, ...untyped } = header;
    await expect(judged(es256(untyped, claims))).resolves.toMatchObject({ spiffeId });
    await expect(judged(es256(header, { ...claims, aud: 'db' }))).resolves.toMatchObject({ spiffeId });
  });

  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const hs256 = (secret: string): string => {
    const text = `${encode({ ...header, alg: 'HS256' })}.${encode(claims)}`;
    return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
  };
  const pem = own.publicKey.export({ format: 'pem', type: 'spki' }).toString();
  const jwk = { ...own.publicKey.export({ format: 'jwk' }) };
  const stranded = stranger.publicKey.export({ format: 'jwk' });
  const { sub: _sub, ...noSubject } = claims;
  const { exp: _exp, ...noEnd } = claims;
  const { aud: _aud, ...noAudience } = claims;
  test.each<[string, string]>([
    ['no signature (none)', `${encode({ ...header, alg: 'none' })}.${encode(claims)}.`],
    ['no signature (None)', `${encode({ ...header, alg: 'None' })}.${encode(claims)}.`],
    ['an emptied signature', `${es256(header, claims).split('.').slice(0, 2).join('.')}.`],
    ['HS256 with the public key as PEM', hs256(pem)],
    ['HS256 with the public key as JWK', hs256(JSON.stringify(jwk))],
    ['RS256 by a key of its own', es256({ ...header, alg: 'RS256' }, claims, rsa.privateKey)],
    ['ES384 in name', es256({ ...header, alg: 'ES384' }, claims)],
    ['another key under the same kid', es256(header, claims, stranger.privateKey)],
    ['a kid that nobody has', es256({ ...header, kid: 'nobody' }, claims)],
    ['a kid that is a path', es256({ ...header, kid: '../../dev/null' }, claims, stranger.privateKey)],
    ['a key of its own (jwk)', es256({ ...header, jwk: stranded }, claims, stranger.privateKey)],
    ['a key elsewhere (jku)', es256({ ...header, jku: 'http://127.0.0.1:1/' }, claims, stranger.privateKey)],
    ['a certificate elsewhere (x5u)', es256({ ...header, x5u: 'http://127.0.0.1:1/' }, claims, stranger.privateKey)],
    ['what must be understood (crit)', es256({ ...header, crit: ['b64'], b64: false }, claims)],
    ['an unknown crit', es256({ ...header, crit: ['exp'] }, claims)],
    ['another typ', es256({ ...header, typ: 'at+jwt' }, claims)],
    ['another audience', es256(header, { ...claims, aud: ['cache'] })],
    ['an audience that only begins so', es256(header, { ...claims, aud: ['db2'] })],
    ['an audience that is an object', es256(header, { ...claims, aud: { db: true } })],
    ['no audience', es256(header, noAudience)],
    ['no subject', es256(header, noSubject)],
    ['no end', es256(header, noEnd)],
    ['an end that is a text', es256(header, { ...claims, exp: String(claims.exp) })],
    ['an end in the past', es256(header, { ...claims, iat: seconds - 400, exp: seconds - 60 })],
    ['a beginning in the future', es256(header, { ...claims, nbf: seconds + 120 })],
    ['a subject of another trust domain', es256(header, { ...claims, sub: 'spiffe://td2/service/api' })],
    ['a subject that only begins so', es256(header, { ...claims, sub: 'spiffe://td10/service/api' })],
    ['a subject that is a list', es256(header, { ...claims, sub: [spiffeId] })],
    ['a subject with a step up', es256(header, { ...claims, sub: 'spiffe://td1/public/../service/api' })],
    ['a subject with an empty segment', es256(header, { ...claims, sub: 'spiffe://td1//service/api' })],
    ['a subject that is a trust domain', es256(header, { ...claims, sub: 'spiffe://td1/' })],
    ['a subject with escapes', es256(header, { ...claims, sub: 'spiffe://td1/service%2fapi' })],
    ['a subject of two lines', es256(header, { ...claims, sub: `${spiffeId}\nspiffe://td1/admin` })],
    ['a subject with a query', es256(header, { ...claims, sub: `${spiffeId}?admin` })],
    ['a subject that is too long', es256(header, { ...claims, sub: `spiffe://td1/${'x'.repeat(2100)}` })],
    ['no JSON', es256(header, 'nothing')],
    ['a claim of two megabytes', es256(header, { ...claims, x: 'x'.repeat(2_000_000) })],
    ['two parts', es256(header, claims).split('.').slice(0, 2).join('.')],
    ['five parts (an encrypted one)', `${es256(header, claims)}.a.b`],
    ['other letters', es256(header, claims).replace('.', '.ü')],
    ['nothing', ''],
  ])('%s', async (_, token) => {
    await expect(judged(token)).rejects.toMatchObject({ code: 'invalid_argument' });
  });

  test('a key that is there for something else', async () => {
    const others = keys.replace('"jwt-svid"', '"x509-svid"');
    await expect(judged(es256(header, claims), { keys: others })).rejects.toMatchObject({ code: 'invalid_argument' });
  });

  test('each bit of the signature counts', async () => {
    const token = es256(header, claims);
    const [head, body, signature = ''] = token.split('.');
    const bytes = Buffer.from(signature, 'base64url');
    for (let at = 0; at < bytes.length; at += 7) {
      const turned = Buffer.from(bytes);
      turned[at] = (turned[at] ?? 0) ^ 1;
      await expect(judged(`${head}.${body}.${turned.toString('base64url')}`)).rejects.toMatchObject({
        code: 'invalid_argument',
      });
    }
  });
});

test('the keys of the bundle verify a token by a library that knows nothing of SPIFFE', async () => {
  const set: JSONWebKeySet = JSON.parse(await keySet());
  const { payload } = await jwtVerify(await fetchJwt(['db']), createLocalJWKSet(set), { audience: 'db' });
  expect(payload.sub).toBe(spiffeId);
});

test('a token of a foreign trust domain is verified by the keys of that one alone, while it is known', async () => {
  const [theirs, others] = [
    generateKeyPairSync('rsa', { modulusLength: 2048 }),
    generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ];
  const token = (subject: string, key: KeyObject, alg: string) =>
    new SignJWT({})
      .setProtectedHeader({ alg, kid: 'k' })
      .setSubject(subject)
      .setAudience('db')
      .setExpirationTime('5m')
      .sign(key);
  const good = await token('spiffe://partner.example/billing', theirs.privateKey, 'RS256');
  await expect(validate(good)).rejects.toThrow();
  const keys = JSON.stringify({ keys: [{ ...(await exportJWK(theirs.publicKey)), kid: 'k', use: 'jwt-svid' }] });
  foreign.set([{ trustDomain: 'partner.example', roots: '', keys }]);
  expect((await validate(good)).spiffeId).toBe('spiffe://partner.example/billing');
  await expect(validate(good, 'other')).rejects.toThrow();
  // Neither side vouches for the other.
  await expect(validate(await token(spiffeId, theirs.privateKey, 'RS256'))).rejects.toThrow();
  await expect(validate(await token('spiffe://partner.example/x', others.privateKey, 'ES256'))).rejects.toThrow();
  await expect(validate(await token('spiffe://partner.example.evil/x', theirs.privateKey, 'RS256'))).rejects.toThrow();
  await expect(validate(await token('spiffe://partner.example/a/../b', theirs.privateKey, 'RS256'))).rejects.toThrow(
    /no SPIFFE ID/,
  );
  foreign.set([]);
  await expect(validate(good)).rejects.toThrow();
});
