// A CA whose key is on a token: SoftHSM's module, and OpenSC's helper.
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createCaFolder } from '../../src/identity/ca/ca-folder.ts';
import { createCertificate, createSigningCa } from '../../src/identity/ca/certificate.ts';
import { createPkcs11Tool } from '../../src/identity/ca/pkcs11-tool.ts';
import { authorities } from '../../src/identity/catalog.ts';
import { verifyIntermediate } from '../../src/identity/signer/verify-intermediate.ts';
import type { UpstreamAuthority } from '../../src/identity/upstream-authority.ts';
import { createCsr } from '../../src/identity/x509/create-csr.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { temporaryFolder } from '../../src/lib/temporary-folder.ts';
import { authorityContract } from '../identity/authority-contract.ts';
import { domainOf } from '../support/identity-harness.ts';

const folder = temporaryFolder('pkcs11');
const path = (name: string): string => join(folder, name);
const trustDomain = domainOf('td1');
const day = 86_400_000;
const module = '/usr/lib/softhsm/libsofthsm2.so';
const pin = '73510846';
const conf = process.env['SOFTHSM2_CONF'];

const run = (command: string, ...args: readonly string[]): string => execFileSync(command, args, { encoding: 'utf8' });
const makeKey = (id: string, type: string): string =>
  run(
    'pkcs11-tool',
    ...['--module', module, '--token-label', 'mesh', '--login', '--pin', pin],
    ...['--keypairgen', '--key-type', type, '--id', id, '--usage-sign'],
  );

beforeAll(() => {
  mkdirSync(path('tokens'));
  writeFileSync(path('softhsm2.conf'), `directories.tokendir = ${path('tokens')}\nobjectstore.backend = file\n`);
  process.env['SOFTHSM2_CONF'] = path('softhsm2.conf');
  run('softhsm2-util', '--init-token', '--free', '--label', 'mesh', '--so-pin', '0123', '--pin', pin);
  for (const id of ['01', '02']) makeKey(id, 'EC:prime256v1');
  makeKey('03', 'rsa:2048');
  writeFileSync(path('pin'), `${pin}\n`, { mode: 0o600 });
});
afterAll(() => {
  if (conf === undefined) delete process.env['SOFTHSM2_CONF'];
  else process.env['SOFTHSM2_CONF'] = conf;
  rmSync(folder, { recursive: true, force: true });
});

async function open(dir: string, over: Readonly<Record<string, string>> = {}): Promise<UpstreamAuthority> {
  const given = { module, token: 'mesh', key: '01', 'pin-file': path('pin'), ...over };
  const { create } = await authorities.pkcs11();
  return create({
    storage: createCaFolder(join(dir, 'ca')),
    trustDomain,
    options: Object.fromEntries(Object.entries(given).map(([name, value]) => [name, new Redacted(value)])),
    clock: systemClock,
    log: silentLog,
  });
}
const makeRequest = () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    publicKey,
    request: { csr: createCsr(privateKey), notBefore: new Date(), notAfter: new Date(Date.now() + day) },
  };
};
const failureOf = async (work: Promise<unknown>): Promise<CellwallError> =>
  CellwallError.from(
    await work.then(
      () => new Error('it worked'),
      (reason: unknown) => reason,
    ),
  );

authorityContract('pkcs11, by SoftHSM', { open: (dir) => open(dir) });

/** A CA of files that certifies the key on the token. */
async function certificateBelow(id: string): Promise<{ readonly chain: string; readonly root: string }> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const common = {
    uri: 'spiffe://td1',
    notBefore: new Date(Date.now() - day),
    notAfter: new Date(Date.now() + 9 * day),
  };
  const root = createCertificate({ ...common, signingKey: privateKey, publicKey, commonName: 'offline root', ca: {} });
  const key = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  const tool = createPkcs11Tool({ module, token: 'mesh', key: id, pinFile: path('pin') });
  const issuer = createSigningCa(root.pem, key);
  const below = createCertificate({
    ...{ ...common, issuer, signingKey: privateKey, publicKey: await tool.publicKey() },
    ...{ commonName: 'on the token', ca: { pathLength: 1 } },
  });
  return { chain: below.pem + root.pem, root: root.pem };
}

test('the key may be that of an intermediate below a root that is elsewhere', async () => {
  const { chain, root } = await certificateBelow('01');
  writeFileSync(path('chain.pem'), chain);
  const authority = await open(path('below'), { certificate: path('chain.pem') });
  const { publicKey, request } = makeRequest();
  const minted = await authority.mintIntermediate(request);
  expect(authority.roots().value()).toEqual([root]);
  verifyIntermediate({ chain: minted, roots: [root], publicKey, trustDomain, now: Date.now() });
  expect(minted.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
});

test('a certificate of another key than the token has is found out before anything is handed on', async () => {
  writeFileSync(path('wrong.pem'), (await certificateBelow('02')).chain);
  const authority = await open(path('wrong'), { certificate: path('wrong.pem') });
  const failed = await failureOf(authority.mintIntermediate(makeRequest().request));
  expect(failed).toMatchObject({ code: 'failed_precondition', message: expect.stringContaining('another key') });
});

test('a wrong PIN is tried once, not until the token locks itself; a new one in the file is', async () => {
  const authority = await open(path('pins'));
  writeFileSync(path('pin'), '00000000\n', { mode: 0o600 });
  for (let turn = 0; turn < 5; turn++) {
    const failed = await failureOf(authority.mintIntermediate(makeRequest().request));
    expect(failed.code).toBe('failed_precondition');
    expect(failed.message).toMatch(turn === 0 ? /CKR_PIN_INCORRECT/ : /refused this PIN/);
    expect(`${failed}${failed.hint}`).not.toContain('00000000');
  }
  writeFileSync(path('pin'), `${pin}\n`, { mode: 0o600 });
  await authority.mintIntermediate(makeRequest().request);
  writeFileSync(path('open-pin'), `${pin}\n`, { mode: 0o644 });
  const exposed = await failureOf(open(path('exposed'), { 'pin-file': path('open-pin') }));
  expect(exposed.message).toContain('0644');
});

test('a token that is taken away, and comes back: refused for now, then as before', async () => {
  const authority = await open(path('away'));
  const roots = authority.roots().value();
  renameSync(path('tokens'), path('elsewhere'));
  mkdirSync(path('tokens'));
  const failed = await failureOf(authority.mintIntermediate(makeRequest().request));
  expect(failed).toMatchObject({ code: 'unavailable', message: expect.stringContaining('not there') });
  // A start without the token has the roots all the same.
  expect((await open(path('away'))).roots().value()).toEqual(roots);
  rmSync(path('tokens'), { recursive: true });
  renameSync(path('elsewhere'), path('tokens'));
  await authority.mintIntermediate(makeRequest().request);
});

test('a key that is not there, or of another kind, is told by its ID', async () => {
  expect(await failureOf(open(path('none'), { key: '0f' }))).toMatchObject({
    code: 'failed_precondition',
    message: expect.stringContaining('0f'),
  });
  expect((await failureOf(open(path('rsa'), { key: '03' }))).code).not.toBe('internal');
  expect((await failureOf(open(path('module'), { module: '/usr/lib/none.so' }))).code).toBe('failed_precondition');
});

test('of several that start at once one makes the root, and a root that is lost is not made again', async () => {
  const opened = await Promise.all([1, 2, 3].map(() => open(path('together'))));
  expect(new Set(opened.map((one) => one.roots().value().join())).size).toBe(1);
  const [root = ''] = opened[0]?.roots().value() ?? [];
  expect(new X509Certificate(root).ca).toBe(true);
  const storage = createCaFolder(join(path('together'), 'ca'));
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const common = { notBefore: new Date(), notAfter: new Date(Date.now() + day), uri: 'spiffe://td1', ca: {} };
  const { pem } = createCertificate({ ...common, signingKey: privateKey, publicKey });
  const keyPem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  await storage.add('issuers/000001', { pem, keyPem });
  expect(await storage.changeNote('root.pem', root, undefined)).toBe(true);
  expect((await failureOf(open(path('together')))).message).toContain('is lost');
});
