// A host without a token joins with evidence of its own, of each kind, against a real identity API.
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, SignJWT } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AttestorOptions } from '../../src/identity/attestor/attestor-options.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import type { Evidence } from '../../src/model/evidence.ts';
import { evidenceSource } from '../../src/sidecar/attest/make-evidence.ts';
import { fetchSvid } from '../../src/sidecar/svid/svid-fetch.ts';
import { createIdentityHarness, type IdentityHarness, idOf } from '../support/identity-harness.ts';
import { createTestCa, type TestCa } from '../support/test-ca.ts';

const folder = mkdtempSync(join(tmpdir(), 'cellwall-attest-'));
const signer = generateKeyPairSync('rsa', { modulusLength: 2048 });
const path = (name: string): string => join(folder, name);
let ca: TestCa;
let harness: IdentityHarness;
let metadata: Server;
let metadataUrl: string;
const audience = 'cellwall';
const seconds = (): number => Math.floor(Date.now() / 1000);
const jwt = (claims: object): Promise<string> =>
  new SignJWT({ iat: seconds(), exp: seconds() + 300, ...claims })
    .setProtectedHeader({ alg: 'RS256', kid: 'k' })
    .sign(signer.privateKey);
const serviceAccount = (name: string): Promise<string> =>
  jwt({ iss: 'https://k', aud: audience, 'kubernetes.io': { namespace: 'web', serviceaccount: { name } } });

/** Whoever proves it is called so. */
function identify({ attestor, values }: Evidence) {
  const name = values['service_account'] ?? values['instance_name'] ?? values['instance_id'] ?? values['common_name'];
  if (attestor === 'join-token' || name === undefined) throw new CellwallError('permission_denied', 'nothing earned');
  return idOf(`spiffe://td1/${attestor}/${name}`);
}

beforeAll(async () => {
  ca = await createTestCa('provisioning');
  const { certificate, key } = await ca.issue({ subject: 'CN=host-7' });
  writeFileSync(path('authorities.pem'), ca.root);
  writeFileSync(path('host.pem'), certificate);
  writeFileSync(path('host.key'), key);
  writeFileSync(path('sa.token'), `${await serviceAccount('api')}\n`);
  const jwk = { ...(await exportJWK(createPublicKey(signer.privateKey))), kid: 'k', alg: 'RS256', use: 'sig' };
  writeFileSync(path('jwks.json'), JSON.stringify({ keys: [jwk] }));
  const keys = { file: path('jwks.json') };
  const { X509CertificateGenerator } = await import('@peculiar/x509');
  const rsa = {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
  };
  const region = await crypto.subtle.generateKey(rsa, true, ['sign', 'verify']);
  const self = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=region',
    keys: region,
    signingAlgorithm: rsa,
  });
  writeFileSync(path('aws.pem'), self.toString('pem'));
  const document = JSON.stringify({
    ...{ accountId: '123456789012', region: 'eu-west-1', availabilityZone: 'eu-west-1b', imageId: 'ami-1' },
    ...{ instanceId: 'i-0123456789abcdef0', instanceType: 'm5.large' },
  });
  const signature = Buffer.from(await crypto.subtle.sign(rsa, region.privateKey, Buffer.from(document))).toString(
    'base64',
  );
  const options: AttestorOptions = {
    'x509-pop': { authorities: path('authorities.pem') },
    kubernetes: { clusters: [{ name: 'prod', issuer: 'https://k', audience, keys }] },
    'gcp-instance': { issuer: 'https://accounts.google.com', audience, keys },
    'aws-instance': { certificates: path('aws.pem'), accounts: ['123456789012'] },
  };
  harness = await createIdentityHarness({
    attestors: options,
    entitlement: () => ({ identify, policy: async () => ({ lifetimeMs: 3_600_000, dnsNames: [] }) }),
  });
  writeFileSync(path('roots.pem'), harness.roots());
  metadata = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://x');
    const isAws = request.headers['x-aws-ec2-metadata-token'] === 'imds';
    const say = (text: string): void => void response.end(text);
    if (request.method === 'PUT' && pathname === '/latest/api/token') return say('imds');
    if (isAws && pathname.endsWith('/document')) return say(document);
    // In lines, as AWS has it.
    if (isAws && pathname.endsWith('/signature')) return say(signature.replace(/(.{64})/g, '$1\n'));
    if (request.headers['metadata-flavor'] === 'Google' && searchParams.get('format') === 'full') {
      const engine = { project_id: 'shop', zone: 'z', instance_id: '7', instance_name: 'web-1' };
      const claims = {
        iss: 'https://accounts.google.com',
        aud: searchParams.get('audience'),
        google: { compute_engine: engine },
      };
      return void jwt(claims).then(say);
    }
    response.writeHead(401).end();
  });
  await new Promise<void>((resolve) => metadata.listen(0, '127.0.0.1', resolve));
  metadataUrl = `http://127.0.0.1:${(metadata.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await harness.close();
  metadata.close();
  rmSync(folder, { recursive: true, force: true });
});

const hidden = (options: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(options).map(([name, value]) => [name, new Redacted(value)]));
const join_ = (dir: string, attestor: string, options: Readonly<Record<string, string>>, roots = path('roots.pem')) =>
  fetchSvid({
    identity: `127.0.0.1:${harness.address.port}`,
    dir: path(dir),
    evidence: evidenceSource(attestor, hidden(options), roots),
    log: silentLog,
  });

test.each([
  ['x509-pop', () => ({ certificate: path('host.pem'), key: path('host.key') }), 'host-7'],
  ['kubernetes', () => ({ token: path('sa.token') }), 'api'],
  ['gcp-instance', () => ({ audience, metadata: metadataUrl }), 'web-1'],
  ['aws-instance', () => ({ metadata: metadataUrl }), 'i-0123456789abcdef0'],
])('%s earns an SVID, and another after that', async (attestor, options, name) => {
  const first = await join_(attestor, attestor, options());
  expect(first.spiffeId).toBe(`spiffe://td1/${attestor}/${name}`);
  const again = await join_(attestor, attestor, options());
  expect(again.spiffeId).toBe(first.spiffeId);
});

test('a pod’s next token is good for the same host, a stolen one for no other', async () => {
  writeFileSync(path('next.token'), await serviceAccount('worker'));
  await join_('worker', 'kubernetes', { token: path('next.token') });
  await expect(join_('thief', 'kubernetes', { token: path('next.token') })).rejects.toMatchObject({
    code: 'unauthenticated',
  });
});

test('a control plane of other roots gets no evidence', async () => {
  writeFileSync(path('other.pem'), (await createTestCa('spiffe-less')).root);
  const tried = join_(
    'careful',
    'x509-pop',
    { certificate: path('host.pem'), key: path('host.key') },
    path('other.pem'),
  );
  await expect(tried).rejects.toBeInstanceOf(CellwallError);
});

test.each([
  ['no such attestor', 'azure', {}, 'no attestor "azure"'],
  ['a missing option', 'x509-pop', { certificate: 'x' }, 'needs the option "key"'],
  ['an unknown option', 'kubernetes', { tokn: 'x' }, 'has no option "tokn"'],
])('%s is told before anything is tried', (_, attestor, options, message) => {
  expect(() => evidenceSource(attestor, hidden({ ...options }), path('roots.pem'))).toThrow(message);
});

test('a file without a certificate is told before anything is tried', () => {
  writeFileSync(path('bundle.json'), '{"keys": []}');
  const made = () => evidenceSource('kubernetes', {}, path('bundle.json'));
  expect(made).toThrow(`--trust-bundle: ${path('bundle.json')}: no "BEGIN CERTIFICATE"`);
});

test('a machine of no cloud is told so', async () => {
  await expect(join_('lost', 'aws-instance', { metadata: 'http://127.0.0.1:1' })).rejects.toMatchObject({
    code: 'unavailable',
  });
});
