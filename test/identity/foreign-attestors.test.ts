// The attestors that believe somebody else: certificates, and tokens and documents that clouds and clusters sign.
import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Attestor, AttestorDeps } from '../../src/identity/attestor/attestor.ts';
import { type AttestorOptions, readAttestorOptions } from '../../src/identity/attestor/attestor-options.ts';
import { createAwsInstanceAttestor } from '../../src/identity/attestor/aws-instance.ts';
import { createGcpInstanceAttestor } from '../../src/identity/attestor/gcp-instance.ts';
import { createKubernetesAttestor } from '../../src/identity/attestor/kubernetes.ts';
import { createX509PopAttestor } from '../../src/identity/attestor/x509-pop.ts';
import { createIssuerKeys } from '../../src/identity/jwt/issuer-keys.ts';
import { popMessage } from '../../src/identity/x509/pop-message.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createWatched } from '../../src/lib/watchable.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createMemoryTable } from '../support/memory-table.ts';
import { testBundle } from '../support/test-bundle.ts';
import { createTestCa, type TestCa } from '../support/test-ca.ts';
import { attestorContract } from './attestor-contract.ts';

const folder = mkdtempSync(join(tmpdir(), 'cellwall-attest-'));
const bundle = createWatched(await testBundle());
const now = Date.now();
const seconds = Math.floor(now / 1000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const clock = createFakeClock(now);
const depsOf = (options: AttestorOptions): AttestorDeps => ({
  tokens: createMemoryTable(),
  nodes: { find: async () => undefined },
  ...{ clock, bundle, options, log: silentLog },
});
const made = <T>(attestor: T | undefined): T => {
  if (attestor === undefined) throw new Error('it is not configured');
  return attestor;
};
const refusal = { code: 'unauthenticated' };

describe('x509-pop', () => {
  const authorities = join(folder, 'authorities.pem');
  let ca: TestCa;
  beforeAll(async () => {
    ca = await createTestCa('provisioning');
    writeFileSync(authorities, ca.root);
  });
  const create = () => made(createX509PopAttestor({ options: { 'x509-pop': { authorities } }, clock }));
  const proof = (key: string, nodeKey: string): string =>
    sign('sha256', popMessage(nodeKey), key).toString('base64url');
  async function evidence(nodeKey: string, of: TestCa = ca, more: object = {}) {
    const { certificate, key } = await of.issue({
      subject: 'CN=host-7, O=example',
      dns: ['host-7.example.org'],
      ...more,
    });
    return { chain: certificate, signature: proof(key, nodeKey) };
  }

  attestorContract('x509-pop', async () => ({
    attestor: create(),
    prove: (nodeKey) => evidence(nodeKey),
    forged: [await evidence('stranger', await createTestCa('another')), { chain: ca.root, signature: 'AAAA' }],
  }));

  test('proves what the certificate says, and ends with it', async () => {
    const proved = await create().attest(await evidence('a'), { nodeKey: 'a' });
    expect(proved.values).toEqual({
      common_name: 'host-7',
      dns_name: 'host-7.example.org',
      fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(proved.notAfter).toBeGreaterThan(now);
    const two = await create().attest(await evidence('a', ca, { dns: ['a.example', 'b.example'] }), { nodeKey: 'a' });
    expect(two.values).not.toHaveProperty('dns_name');
  });

  test('does not believe one that has ended, a signature for another host, or a certificate that everybody sees', async () => {
    const ended = await evidence('a', ca, { lifetimeMs: 1000 });
    const later = made(
      createX509PopAttestor({ options: { 'x509-pop': { authorities } }, clock: createFakeClock(now + 60_000) }),
    );
    await expect(later.attest(ended, { nodeKey: 'a' })).rejects.toMatchObject(refusal);
    const { chain } = await evidence('a');
    const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
      format: 'pem',
      type: 'pkcs8',
    });
    await expect(
      create().attest({ chain, signature: proof(stranger.toString(), 'a') }, { nodeKey: 'a' }),
    ).rejects.toMatchObject(refusal);
  });

  test('tells a wrong path or an empty file at the start', () => {
    for (const path of [join(folder, 'nowhere.pem'), join(import.meta.dirname, 'foreign-attestors.test.ts')]) {
      const options = { 'x509-pop': { authorities: path } };
      expect(() => createX509PopAttestor({ options, clock })).toThrow(
        expect.objectContaining({ code: 'invalid_argument' }),
      );
    }
  });
});

const signer = generateKeyPairSync('rsa', { modulusLength: 2048 });
const other = generateKeyPairSync('rsa', { modulusLength: 2048 });
const jwksFile = join(folder, 'jwks.json');
const jwkOf = async (key: KeyObject, kid: string) => ({
  ...(await exportJWK(createPublicKey(key))),
  kid,
  use: 'sig',
  alg: 'RS256',
});
beforeAll(async () => writeFileSync(jwksFile, JSON.stringify({ keys: [await jwkOf(signer.privateKey, 'one')] })));
const token = (claims: object, key: KeyObject = signer.privateKey, kid = 'one'): Promise<string> =>
  new SignJWT({ ...claims }).setProtectedHeader({ alg: 'RS256', kid }).sign(key);

interface TokenCase {
  readonly create: () => Attestor;
  readonly claims: () => Record<string, unknown>;
  readonly values: object;
}
let serial = 0;
const issuer = 'https://kubernetes.example';
const cases: Readonly<Record<'kubernetes' | 'gcp-instance', TokenCase>> = {
  kubernetes: {
    create: () => {
      const cluster = { name: 'prod', issuer, audience: 'cellwall', keys: { file: jwksFile } };
      const clusters = [{ ...cluster, name: 'staging', audience: 'cellwall-staging' }, cluster];
      return made(createKubernetesAttestor(depsOf({ kubernetes: { clusters } })));
    },
    claims: () => ({
      ...{ iss: issuer, aud: ['cellwall'], iat: seconds, exp: seconds + 600, jti: String(serial++) },
      sub: 'system:serviceaccount:web:api',
      'kubernetes.io': {
        namespace: 'web',
        serviceaccount: { name: 'api', uid: 'u-1' },
        pod: { name: 'api-0', uid: 'u-2' },
        node: { name: 'node-1', uid: 'u-3' },
      },
    }),
    values: { cluster: 'prod', namespace: 'web', service_account: 'api', pod: 'api-0', node: 'node-1' },
  },
  'gcp-instance': {
    create: () => {
      const gcp = { issuer: 'https://accounts.google.com', audience: 'cellwall', keys: { file: jwksFile } };
      return made(createGcpInstanceAttestor(depsOf({ 'gcp-instance': gcp })));
    },
    claims: () => ({
      ...{
        iss: 'https://accounts.google.com',
        aud: 'cellwall',
        iat: seconds,
        exp: seconds + 600,
        jti: String(serial++),
      },
      ...{ sub: '1234', email: 'web@shop.iam.gserviceaccount.com', email_verified: true },
      google: {
        compute_engine: {
          ...{
            project_id: 'shop',
            project_number: 42,
            zone: 'europe-west1-b',
            instance_id: '77',
            instance_name: 'web-1',
          },
        },
      },
    }),
    values: {
      ...{ project_id: 'shop', zone: 'europe-west1-b', instance_id: '77', instance_name: 'web-1' },
      service_account: 'web@shop.iam.gserviceaccount.com',
    },
  },
};

describe.each(Object.entries(cases))('%s', (name, { create, claims, values }) => {
  attestorContract(name, async () => ({
    attestor: create(),
    prove: async () => ({ token: await token(claims()) }),
    forged: [{ token: await token(claims(), other.privateKey) }],
  }));

  test('proves what the token says', async () => {
    const proved = await create().attest({ token: await token(claims()) }, { nodeKey: 'a' });
    expect(proved).toEqual({ attestor: name, values });
  });

  test.each<[string, (is: Record<string, unknown>) => Record<string, unknown>]>([
    ['another audience', (is) => ({ ...is, aud: 'vault' })],
    ['no audience', ({ aud: _, ...is }) => is],
    ['another issuer', (is) => ({ ...is, iss: 'https://evil.example' })],
    ['an issuer that only begins so', (is) => ({ ...is, iss: `${String(is['iss'])}/` })],
    ['no end', ({ exp: _, ...is }) => is],
    ['an end that was', (is) => ({ ...is, exp: seconds - 90 })],
    ['a beginning to come', (is) => ({ ...is, nbf: seconds + 90 })],
    ['nothing about who it is', ({ google: _g, 'kubernetes.io': _k, ...is }) => is],
  ])('does not believe a token with %s', async (_, change) => {
    const evidence = { token: await token(change(claims())) };
    await expect(create().attest(evidence, { nodeKey: 'a' })).rejects.toMatchObject(refusal);
  });

  test('is not presented again by another host in other letters: the last one has bits that nobody reads', async () => {
    const attestor = create();
    const original = await token(claims());
    await attestor.attest({ token: original }, { nodeKey: 'a' });
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const at = letters.indexOf(original.at(-1) ?? '');
    for (let bits = 1; bits < 16; bits++) {
      const written = `${original.slice(0, -1)}${letters[at ^ bits]}`;
      await expect(attestor.attest({ token: written }, { nodeKey: 'thief' })).rejects.toMatchObject(refusal);
    }
  });

  test('does not believe "none", the public key as a secret, or a key of the token’s own', async () => {
    const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const body = encode(claims());
    const own = await jwkOf(other.privateKey, 'one');
    const text = `${encode({ alg: 'RS256', kid: 'one', jwk: own })}.${body}`;
    const { createHmac } = await import('node:crypto');
    const head = `${encode({ alg: 'HS256', kid: 'one' })}.${body}`;
    const pem = createPublicKey(signer.privateKey).export({ format: 'pem', type: 'spki' }).toString();
    for (const forged of [
      `${encode({ alg: 'none' })}.${body}.`,
      `${head}.${createHmac('sha256', pem).update(head).digest('base64url')}`,
      `${text}.${sign('sha256', Buffer.from(text), other.privateKey).toString('base64url')}`,
    ]) {
      await expect(create().attest({ token: forged }, { nodeKey: 'a' })).rejects.toMatchObject(refusal);
    }
  });
});

describe('aws-instance', () => {
  const certificates = join(folder, 'aws.pem');
  const region = generateKeyPairSync('rsa', { modulusLength: 2048 });
  beforeAll(async () => {
    const { X509CertificateGenerator } = await import('@peculiar/x509');
    const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } as const;
    const key = (part: KeyObject, format: 'pkcs8' | 'spki', usage: 'sign' | 'verify') =>
      crypto.subtle.importKey(
        format,
        new Uint8Array(part.export({ format: 'der', type: format } as never) as unknown as Buffer),
        algorithm,
        true,
        [usage],
      );
    const keys = {
      privateKey: await key(region.privateKey, 'pkcs8', 'sign'),
      publicKey: await key(region.publicKey, 'spki', 'verify'),
    };
    const self = await X509CertificateGenerator.createSelfSigned({
      name: 'CN=region',
      keys,
      signingAlgorithm: algorithm,
    });
    writeFileSync(certificates, self.toString('pem'));
  });
  const create = () =>
    made(createAwsInstanceAttestor(depsOf({ 'aws-instance': { certificates, accounts: ['123456789012'] } })));
  const about = (instance = '0123456789abcdef0') => ({
    ...{ accountId: '123456789012', architecture: 'x86_64', availabilityZone: 'eu-west-1b', imageId: 'ami-1' },
    ...{ instanceId: `i-${instance}`, instanceType: 'm5.large', region: 'eu-west-1', version: '2017-09-30' },
  });
  const signed = (document: string, key: KeyObject = region.privateKey) => ({
    document,
    signature: sign('sha256', Buffer.from(document), key).toString('base64'),
  });

  attestorContract('aws-instance', async () => ({
    attestor: create(),
    prove: async () => signed(JSON.stringify(about(), undefined, 2)),
    forged: [signed(JSON.stringify(about()), other.privateKey)],
  }));

  test('proves what the document says, for the first host that presents it', async () => {
    const attestor = create();
    const evidence = signed(JSON.stringify(about()));
    expect((await attestor.attest(evidence, { nodeKey: 'a' })).values).toEqual({
      ...{ account_id: '123456789012', region: 'eu-west-1', availability_zone: 'eu-west-1b' },
      ...{ instance_id: 'i-0123456789abcdef0', image_id: 'ami-1', instance_type: 'm5.large' },
    });
    // The same instance in other bytes is the same instance.
    const again = signed(JSON.stringify({ ...about(), pendingTime: '2026-01-01T00:00:00Z' }));
    await expect(attestor.attest(again, { nodeKey: 'b' })).rejects.toMatchObject(refusal);
    await attestor.attest(signed(JSON.stringify(about('fedcba9876543210f'))), { nodeKey: 'b' });
  });

  test.each([
    ['of another account', { ...about(), accountId: '999999999999' }],
    ['of no instance', { ...about(), instanceId: 'none' }],
  ])('does not believe a document %s', async (_, document) => {
    await expect(create().attest(signed(JSON.stringify(document)), { nodeKey: 'a' })).rejects.toMatchObject(refusal);
  });

  test('does not believe one that was changed by a byte', async () => {
    const { document, signature } = signed(JSON.stringify(about()));
    const changed = document.replace('m5.large', 'm5.mega1');
    await expect(create().attest({ document: changed, signature }, { nodeKey: 'a' })).rejects.toMatchObject(refusal);
  });
});

describe('the keys of an issuer', () => {
  let server: Server;
  let url: string;
  let caFile: string;
  let answer: { readonly status: number; readonly body: string; readonly headers?: Record<string, string> };
  let asked = 0;
  beforeAll(async () => {
    const ca = await createTestCa('of the web');
    const { certificate, key } = await ca.issue({ ip: ['127.0.0.1'], dns: ['localhost'] });
    caFile = join(folder, 'web-ca.pem');
    writeFileSync(caFile, ca.root);
    server = createServer({ cert: certificate, key }, (_, response) => {
      asked++;
      response.writeHead(answer.status, answer.headers).end(answer.body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
  });
  afterAll(() => server.close());
  const jwks = async (...kids: string[]) =>
    JSON.stringify({ keys: await Promise.all(kids.map((kid) => jwkOf(signer.privateKey, kid))) });
  const kubernetesAt = (at: typeof clock) =>
    made(
      createKubernetesAttestor({
        ...depsOf({
          kubernetes: { clusters: [{ name: 'prod', issuer, audience: 'cellwall', keys: { url, caFile } }] },
        }),
        clock: at,
      }),
    );
  const claims = () => cases.kubernetes.claims();

  test('are fetched once, again for a key that is new, and no more than once a minute for one that nobody has', async () => {
    answer = { status: 200, body: await jwks('one') };
    const own = createFakeClock(now);
    const attestor = kubernetesAt(own);
    asked = 0;
    for (let turn = 0; turn < 3; turn++) await attestor.attest({ token: await token(claims()) }, { nodeKey: 'a' });
    expect(asked).toBe(1);
    answer = { status: 200, body: await jwks('one', 'two') };
    const next = { token: await token(claims(), signer.privateKey, 'two') };
    await expect(attestor.attest(next, { nodeKey: 'a' })).rejects.toMatchObject(refusal);
    await own.advance(61_000);
    await attestor.attest(next, { nodeKey: 'a' });
    expect(asked).toBe(2);
    for (let turn = 0; turn < 20; turn++) {
      const unknown = { token: await token(claims(), signer.privateKey, `none-${turn}`) };
      await expect(attestor.attest(unknown, { nodeKey: 'a' })).rejects.toMatchObject(refusal);
    }
    expect(asked).toBe(2);
  });

  test('stay as they were while the issuer is away, for hours, or answers nonsense', async () => {
    answer = { status: 200, body: await jwks('one') };
    const own = createFakeClock(now);
    const keys = createIssuerKeys({ url, caFile }, { clock: own, log: silentLog });
    const first = await keys.current();
    for (const bad of [
      { status: 500, body: 'away' },
      { status: 302, body: '', headers: { location: 'https://127.0.0.1:1/' } },
      { status: 200, body: 'no json' },
      { status: 200, body: '{"keys": []}' },
      { status: 200, body: `{"keys": [${'{"kty":"RSA"},'.repeat(101)}{"kty":"RSA"}]}` },
      { status: 200, body: ' '.repeat(300_000) },
      ...[
        { kty: 'oct', k: 'c2VjcmV0' },
        { ...JSON.parse(await jwks('one')).keys[0], use: 'enc' },
        { kty: 'RSA', kid: 'one' },
        { kty: 'RSA', kid: 'one', n: 'failedToFetch', e: 'AQAB' },
      ].map((key) => ({ status: 200, body: JSON.stringify({ keys: [key] }) })),
    ]) {
      answer = bad;
      await own.advance(600_000);
      expect(await keys.again(first)).toBe(false);
      expect(await keys.current()).toBe(first);
    }
  });

  test('may be there twice, and two may have one name: it is one of them, or the signature is nobody’s', async () => {
    const [stranger, nobody] = [other, generateKeyPairSync('rsa', { modulusLength: 2048 })];
    const [of, theirs] = [await jwkOf(signer.privateKey, 'one'), await jwkOf(stranger.privateKey, 'one')];
    for (const [set, by, good] of [
      [[of, of], signer, true],
      [[of, { ...of, x5c: ['AAAA'] }], signer, true],
      [[theirs, of], signer, true],
      [[of, theirs], stranger, true],
      [[of, theirs], nobody, false],
    ] as const) {
      answer = { status: 200, body: JSON.stringify({ keys: set }) };
      const attestor = kubernetesAt(createFakeClock(now));
      const attested = attestor.attest({ token: await token(claims(), by.privateKey, 'one') }, { nodeKey: 'a' });
      if (good) await expect(attested).resolves.toMatchObject({ attestor: 'kubernetes' });
      else await expect(attested).rejects.toMatchObject({ ...refusal, message: expect.stringContaining('signature') });
    }
  });

  test('that others had fetched meanwhile are used at once', async () => {
    answer = { status: 200, body: await jwks('one') };
    const keys = createIssuerKeys({ url, caFile }, { clock: createFakeClock(now), log: silentLog });
    const first = await keys.current();
    expect(await keys.again(first)).toBe(false);
    expect(await keys.again(async () => new Uint8Array())).toBe(true);
  });

  test('that were never to be had make evidence wait, not fail for good', async () => {
    answer = { status: 503, body: '' };
    const attestor = kubernetesAt(createFakeClock(now));
    await expect(attestor.attest({ token: await token(claims()) }, { nodeKey: 'a' })).rejects.toMatchObject({
      code: 'unavailable',
    });
  });
});

describe('the file of --attestors', () => {
  const file = join(folder, 'attestors.yaml');
  const read = (text: string) => {
    writeFileSync(file, text);
    return readAttestorOptions(file);
  };

  test('says whom to believe', () => {
    const options = read(
      'kubernetes: {clusters: [{name: prod, issuer: https://k, audience: cellwall, keys: {file: /x}}]}\n' +
        'gcp-instance: {audience: cellwall}\n',
    );
    expect(options.kubernetes?.clusters[0]?.name).toBe('prod');
    expect(options['gcp-instance']?.issuer).toBe('https://accounts.google.com');
    expect(read('')).toEqual({});
  });

  test.each([
    ['an unknown attestor', 'azure: {}', ':1:1: unknown field "azure"'],
    ['no audience', 'gcp-instance: {}', ':1:15: gcp-instance.audience is missing'],
    [
      'keys over http',
      'gcp-instance: {audience: a, keys: {url: "http://x/jwks"}}',
      ':1:41: gcp-instance.keys.url: not an https address',
    ],
    [
      'a field with another name, far down',
      'gitlab-id-token:\n  instances:\n    - name: g\n      issuer: https://g\n      audiences: cellwall\n',
      ':5:7: unknown field "audiences"',
    ],
    ['numbers in place of texts', 'aws-instance:\n  certificates: /x\n  accounts: [123456789012]', ':3:14: '],
    ['a second document', 'gcp-instance: {audience: a}\n---\nx509-pop: {authorities: /x}', ':3:1: '],
    ['broken YAML', 'kubernetes: [', ':1:'],
    ['a key twice', 'gcp-instance: {audience: a}\ngcp-instance: {audience: b}', ':2:'],
    ['aliases', 'a: &a [1]\nb: *a', ':1:7: '],
  ])('is refused with its place for %s', (_, text, place) => {
    const failed = (() => {
      try {
        return read(text);
      } catch (reason) {
        return reason;
      }
    })();
    expect(failed).toMatchObject({ code: 'invalid_argument' });
    expect(String(failed)).toContain(place);
  });

  test('that is not there is told by its name', () => {
    expect(() => readAttestorOptions(join(folder, 'none.yaml'))).toThrow('none.yaml');
    expect(readFileSync(file, 'utf8')).toContain('&a');
  });
});
