// The CAs of others, each by a stand-in that answers as the service's API is documented: the contract, and how they misbehave.
import { createHash, createHmac, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exportJWK, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCaFolder } from '../../src/identity/ca/ca-folder.ts';
import { type AuthorityName, authorities } from '../../src/identity/catalog.ts';
import { createCsr } from '../../src/identity/x509/create-csr.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { temporaryFolder } from '../../src/lib/temporary-folder.ts';
import { domainOf } from '../support/identity-harness.ts';
import { type Api, type StandInCa, startStandInCa, type Wanted } from '../support/stand-in-ca.ts';
import { authorityContract } from './authority-contract.ts';
import { authorityFaults, type Fault } from './authority-faults.ts';

const folder = temporaryFolder('remote-ca');
const path = (name: string): string => join(folder, name);
const trustDomain = domainOf('td1');
const arn = 'arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/abc-1';
const [secretKey, accessKey] = ['wJalrXUtnFEMI/K7MDENG', 'AKIDEXAMPLE'];
const pool = 'projects/shop/locations/europe-west1/caPools/mesh';

/** The fields of a request that an API demands, or it is a 400. */
function need<T>(value: T | undefined, what: string): T {
  if (value === undefined || value === '') throw new Error(`no ${what}`);
  return value;
}

const vaultApi: Api = async ({ path: at, headers, body }, mint, root) => {
  if (headers['x-vault-token'] !== 's.token') throw new Error('permission denied');
  if (at === '/v1/mesh/issuer/inner') return JSON.stringify({ data: { certificate: root, ca_chain: [root] } });
  if (at !== '/v1/mesh/issuer/inner/sign-intermediate') return undefined;
  const { csr, common_name, uri_sans, not_after, max_path_length, use_csr_values } = JSON.parse(body);
  if (max_path_length !== 0 || use_csr_values !== false) throw new Error('not what was agreed');
  const certificate = await mint({
    key: need(csr, 'csr'),
    commonName: need(common_name, 'name'),
    uri: need(uri_sans, 'uri'),
    notAfter: new Date(not_after),
  });
  return JSON.stringify({ data: { certificate, issuing_ca: root, ca_chain: [certificate, root] } });
};

const googleApi: Api = async ({ path: at, headers, body }, mint, root) => {
  const url = new URL(at, 'http://x');
  if (url.pathname.endsWith('/default/token')) {
    return headers['metadata-flavor'] === 'Google' ? JSON.stringify({ access_token: 'ya29' }) : undefined;
  }
  if (headers.authorization !== 'Bearer ya29') throw new Error('permission denied');
  if (
    url.pathname !== `/v1/${pool}/certificates` ||
    !/^cellwall-[0-9a-f]+$/.test(url.searchParams.get('certificateId') ?? '')
  )
    return undefined;
  const { lifetime, config } = JSON.parse(body);
  const { publicKey, subjectConfig, x509Config } = config;
  if (x509Config.caOptions.isCa !== true || x509Config.caOptions.maxIssuerPathLength !== 0)
    throw new Error('not for leaves');
  const pemCertificate = await mint({
    key: Buffer.from(publicKey.key, 'base64').toString(),
    commonName: subjectConfig.subject.commonName,
    uri: subjectConfig.subjectAltName.uris[0],
    notAfter: new Date(Date.now() + Number.parseInt(lifetime, 10) * 1000 - 1000),
  });
  return JSON.stringify({ pemCertificate, pemCertificateChain: [root] });
};

/** Signature Version 4, by the definition: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html */
function isSigned(headers: Readonly<Record<string, string | string[] | undefined>>, body: string): boolean {
  const authorization = String(headers['authorization']);
  const [, scope = '', names = '', signature = ''] =
    /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/(\S+), SignedHeaders=(\S+), Signature=(\w+)$/.exec(authorization) ?? [];
  const [date = '', region = '', service = ''] = scope.split('/');
  const hash = (text: string): string => createHash('sha256').update(text).digest('hex');
  const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
  const signed = names
    .split(';')
    .map((name) => `${name}:${String(headers[name]).trim()}\n`)
    .join('');
  const canonical = ['POST', '/', '', signed, names, hash(body)].join('\n');
  const toSign = ['AWS4-HMAC-SHA256', String(headers['x-amz-date']), scope, hash(canonical)].join('\n');
  const key = [date, region, service, 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${secretKey}`);
  return createHmac('sha256', key).update(toSign).digest('hex') === signature && names.includes('x-amz-date');
}

const issued = new Map<string, { readonly pem: string; asked: number }>();
const awsApi: Api = async ({ headers, body }, mint, root) => {
  if (!isSigned(headers, body)) throw new Error('the signature does not match');
  const said = JSON.parse(body);
  if (said.CertificateAuthorityArn !== arn) throw new Error('no such CA');
  const action = String(headers['x-amz-target']);
  if (action === 'ACMPrivateCA.GetCertificateAuthorityCertificate') return JSON.stringify({ Certificate: root });
  if (action === 'ACMPrivateCA.IssueCertificate') {
    if (said.Validity.Type !== 'ABSOLUTE' || !said.TemplateArn.includes('PathLen0')) throw new Error('not for leaves');
    const pem = await mint({
      key: Buffer.from(said.Csr, 'base64').toString(),
      commonName: said.ApiPassthrough.Subject.CommonName,
      uri: said.ApiPassthrough.Extensions.SubjectAlternativeNames[0].UniformResourceIdentifier,
      notAfter: new Date(said.Validity.Value * 1000),
    });
    const name = `${arn}/certificate/${issued.size}`;
    issued.set(name, { pem, asked: 0 });
    return JSON.stringify({ CertificateArn: name });
  }
  const found = action === 'ACMPrivateCA.GetCertificate' ? issued.get(said.CertificateArn) : undefined;
  if (found === undefined) return undefined;
  // The first time it is not ready yet, as there.
  if (found.asked++ === 0) throw new Error('RequestInProgressException');
  return JSON.stringify({ Certificate: found.pem, CertificateChain: root });
};

const stepKey = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const usedTokens = new Set<unknown>();
const stepApi: Api = async ({ path: at, body, headers }, mint, root) => {
  if (at === '/roots') return JSON.stringify({ crts: [root] });
  if (at !== '/1.0/sign') return undefined;
  const { csr, ott, notAfter } = JSON.parse(body);
  // As its JWK provisioner does.
  const { payload, protectedHeader } = await jwtVerify(ott, stepKey.publicKey, {
    issuer: 'mesh',
    requiredClaims: ['exp', 'nbf'],
  });
  if (payload.aud !== `http://${headers.host}/1.0/sign` || protectedHeader.kid !== 'k1')
    throw new Error('another audience or key');
  if (usedTokens.has(payload.jti)) throw new Error('the token was used');
  usedTokens.add(payload.jti);
  const [uri] = Array.isArray(payload['sans']) ? payload['sans'] : [];
  const crt = await mint({
    ...{ key: need(csr, 'csr'), commonName: need(payload.sub, 'sub'), uri: need(String(uri), 'sans') },
    notAfter: new Date(notAfter),
  });
  return JSON.stringify({ crt, ca: root, certChain: [crt, root] });
};

const kinds: Readonly<
  Record<
    'vault' | 'google-cas' | 'aws-pca' | 'step-ca',
    { readonly api: Api; readonly options: (ca: StandInCa) => Record<string, string> }
  >
> = {
  vault: {
    api: vaultApi,
    options: ({ address }) => ({ address, mount: 'mesh', issuer: 'inner', 'token-file': path('vault-token') }),
  },
  'google-cas': {
    api: googleApi,
    options: ({ address }) => ({ address, metadata: address, pool, roots: path('google-root.pem') }),
  },
  'aws-pca': {
    api: awsApi,
    options: ({ address }) => ({ address, arn, 'credentials-file': path('aws.json') }),
  },
  'step-ca': {
    api: stepApi,
    options: ({ address }) => ({ address, provisioner: 'mesh', 'key-file': path('step.jwk') }),
  },
};
const started = new Map<string, StandInCa>();
beforeAll(async () => {
  writeFileSync(path('vault-token'), 's.token\n');
  writeFileSync(
    path('aws.json'),
    JSON.stringify({ Version: 1, AccessKeyId: accessKey, SecretAccessKey: secretKey, SessionToken: 'st' }),
  );
  const jwk = { ...(await exportJWK(stepKey.privateKey)), kid: 'k1', alg: 'ES256' };
  writeFileSync(path('step.jwk'), JSON.stringify(jwk), { mode: 0o600 });
  for (const [name, { api }] of Object.entries(kinds)) started.set(name, await startStandInCa(api));
  writeFileSync(path('google-root.pem'), started.get('google-cas')?.root ?? '');
});
afterAll(async () => {
  for (const ca of started.values()) await ca.close();
  rmSync(folder, { recursive: true, force: true });
});

const request = () => ({
  csr: createCsr(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey),
  notBefore: new Date(),
  notAfter: new Date(Date.now() + 86_400_000),
});

async function open(name: keyof typeof kinds, dir: string, over: Record<string, string> = {}) {
  const ca = started.get(name);
  if (ca === undefined) throw new Error('not started');
  const given = { ...kinds[name].options(ca), ...over };
  const options = Object.fromEntries(Object.entries(given).map(([key, value]) => [key, new Redacted(value)]));
  const kind = await authorities[name satisfies AuthorityName]();
  return kind.create({
    storage: createCaFolder(join(dir, 'ca')),
    trustDomain,
    options,
    clock: systemClock,
    log: silentLog,
  });
}

const day = 86_400_000;
const stranger = createPublicKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)
  .export({ format: 'pem', type: 'spki' })
  .toString();
const failings = { down: 503, refusing: 403, silent: 'never', 'hanging-up': 'hang-up', nonsense: 'nonsense' } as const;
const changes: Readonly<Partial<Record<Fault, () => Partial<Wanted>>>> = {
  'wrong-key': () => ({ key: stranger }),
  'wrong-trust-domain': () => ({ uri: 'spiffe://td2' }),
  'wrong-root': () => ({ byAnother: true }),
  ended: () => ({ notBefore: new Date(Date.now() - 2 * day), notAfter: new Date(Date.now() - day) }),
  'not-yet': () => ({ notBefore: new Date(Date.now() + day), notAfter: new Date(Date.now() + 2 * day) }),
  leaf: () => ({ isCa: false }),
};

for (const name of ['vault', 'google-cas', 'aws-pca', 'step-ca'] as const) {
  const standIn = (): StandInCa => {
    const ca = started.get(name);
    if (ca === undefined) throw new Error('not started');
    return ca;
  };
  authorityContract(name, { open: (dir) => open(name, dir) });
  authorityFaults(name, {
    open: (dir) => open(name, dir),
    fault(kind) {
      const failing = Object.entries(failings).find(([of]) => of === kind)?.[1];
      const change = kind === undefined ? undefined : changes[kind];
      standIn().failing = failing;
      standIn().change = (wanted) => ({ ...wanted, ...change?.() });
      expect(kind === undefined || failing !== undefined || change !== undefined).toBe(true);
    },
    secrets: ['stays here', 's.token', 'ya29', secretKey],
  });

  test.each([
    [500, 'unavailable'],
    [429, 'unavailable'],
    [403, 'failed_precondition'],
  ])(
    `the CA ${name} with status %i: whether to try again is told`,
    async (status, code) => {
      const authority = await open(name, folder);
      standIn().failing = status;
      const failed: unknown = await authority.mintIntermediate(request()).catch((reason: unknown) => reason);
      standIn().failing = undefined;
      expect(CellwallError.from(failed).code).toBe(code);
      await authority.close();
    },
    60_000,
  );

  test(`a forged request never gets to the CA ${name}`, async () => {
    const authority = await open(name, folder);
    const before = standIn().asked.filter(({ method }) => method === 'POST').length;
    await expect(authority.mintIntermediate({ ...request(), csr: 'x' })).rejects.toMatchObject({
      code: 'invalid_argument',
    });
    const after = standIn().asked.filter(
      ({ method, body }) => method === 'POST' && !body.includes('CertificateAuthorityArn'),
    ).length;
    expect(after).toBeLessThanOrEqual(before);
    await authority.close();
  });
}

describe('step-ca', () => {
  test('is asked for no more time than its provisioner gives', async () => {
    const authority = await open('step-ca', folder, { hours: '2' });
    await authority.mintIntermediate({ ...request(), notAfter: new Date(Date.now() + 365 * day) });
    const asked = JSON.parse(started.get('step-ca')?.asked.at(-1)?.body ?? '{}');
    expect(Date.parse(asked.notAfter) - Date.now()).toBeLessThanOrEqual(7_200_000);
    await authority.close();
    await expect(open('step-ca', folder, { hours: 'many' })).rejects.toMatchObject({ code: 'invalid_argument' });
  });

  test.each([
    ['that others can read', 0o644, '0644'],
    ['that is no key', 0o600, 'no private key'],
  ])('a key file %s is refused, and not quoted', async (_, mode, why) => {
    const file = path(`bad-${mode}.jwk`);
    writeFileSync(file, '{"kty": "EC", "stays": "here"}', { mode });
    const authority = await open('step-ca', folder, { 'key-file': file });
    const failed = CellwallError.from(await authority.mintIntermediate(request()).catch((reason: unknown) => reason));
    expect(failed.message).toContain(why);
    expect(String(failed)).not.toContain('stays');
    await authority.close();
  });
});
