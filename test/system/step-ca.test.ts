// step-ca's own server above this CA (step-ca/main.go): one of its provisioners certifies the intermediate. In qualifications alone.
import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exportJWK } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createCaFolder } from '../../src/identity/ca/ca-folder.ts';
import { createCertificate, createSigningCa } from '../../src/identity/ca/certificate.ts';
import { authorities } from '../../src/identity/catalog.ts';
import { verifyIntermediate } from '../../src/identity/signer/verify-intermediate.ts';
import { createCsr } from '../../src/identity/x509/create-csr.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { temporaryFolder } from '../../src/lib/temporary-folder.ts';
import { authorityContract } from '../identity/authority-contract.ts';
import { authorityFaults } from '../identity/authority-faults.ts';
import { builtByGo } from '../support/built-by-go.ts';
import { eventually } from '../support/eventually.ts';
import { freePorts } from '../support/free-ports.ts';
import { domainOf } from '../support/identity-harness.ts';

const folder = temporaryFolder('step-ca');
const path = (name: string): string => join(folder, name);
const trustDomain = domainOf('td1');
const day = 86_400_000;
const [port = 0] = await freePorts(1);
const makeKeys = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const template = (isCa: boolean): string =>
  `{"subject": {"commonName": {{ toJson .Subject.CommonName }}}, "sans": {{ toJson .SANs }}, ` +
  (isCa
    ? '"keyUsage": ["certSign", "crlSign"], "basicConstraints": {"isCA": true, "maxPathLen": 0}}'
    : '"keyUsage": ["digitalSignature"]}');

let program = '';
let server: ChildProcess | undefined;
let said = '';
const stop = async (): Promise<void> => {
  const running = server;
  server = undefined;
  if (running === undefined) return;
  const exited = new Promise((resolve) => running.once('exit', resolve));
  running.kill('SIGKILL');
  await exited;
};
async function start(): Promise<void> {
  server = spawn(program, [path('ca.json')], { stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [server.stdout, server.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  server.on('error', ({ message }) => {
    said += message;
  });
  const { create } = await authorities['step-ca']();
  await eventually(
    'step-ca answers',
    async () => {
      const opened = await create(depsOf(path('probe'), {})).catch(() => undefined);
      await opened?.close();
      return opened;
    },
    60_000,
  ).catch((reason: unknown) => {
    throw new Error(`${reason}: ${said}`);
  });
}

function depsOf(dir: string, over: Readonly<Record<string, string>>) {
  const given = {
    ...{ address: `https://127.0.0.1:${port}`, provisioner: 'mesh', 'key-file': path('mesh.jwk') },
    ...{ 'ca-file': path('root.pem'), hours: '720', ...over },
  };
  return {
    storage: createCaFolder(join(dir, 'ca')),
    trustDomain,
    options: Object.fromEntries(Object.entries(given).map(([name, value]) => [name, new Redacted(value)])),
    clock: systemClock,
    log: silentLog,
  };
}
const open = async (dir: string, over: Readonly<Record<string, string>> = {}) =>
  (await authorities['step-ca']()).create(depsOf(dir, over));

beforeAll(async () => {
  program = await builtByGo({
    ...{ name: 'step-ca', release: 'step-ca-0.30.2', main: '.', folder: join(import.meta.dirname, 'step-ca') },
    progress: (line) => process.stderr.write(`${line}\n`),
  });
  const [top, below] = [makeKeys(), makeKeys()];
  const pem = ({ privateKey }: typeof top): string => privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  const dates = { notBefore: new Date(Date.now() - day), notAfter: new Date(Date.now() + 300 * day) };
  const common = { ...dates, uri: 'https://ca.example.org' };
  const root = createCertificate({
    ...common,
    signingKey: top.privateKey,
    publicKey: top.publicKey,
    commonName: 'root',
    ca: {},
  });
  const issuer = createSigningCa(root.pem, pem(top));
  const middle = createCertificate({
    ...{ ...common, issuer, signingKey: top.privateKey, publicKey: below.publicKey },
    ...{ commonName: 'step', ca: { pathLength: 1 } },
  });
  writeFileSync(path('root.pem'), root.pem);
  writeFileSync(path('step.pem'), middle.pem);
  writeFileSync(path('step.key'), pem(below), { mode: 0o600 });
  const provisioners = await Promise.all(
    [true, false].map(async (isCa) => {
      const [keys, name] = [makeKeys(), isCa ? 'mesh' : 'leaves'];
      const about = { kid: name, alg: 'ES256', use: 'sig' };
      writeFileSync(path(`${name}.jwk`), JSON.stringify({ ...(await exportJWK(keys.privateKey)), ...about }), {
        mode: 0o600,
      });
      const options = { x509: { template: template(isCa) } };
      const key = { ...(await exportJWK(keys.publicKey)), ...about };
      return { type: 'JWK', name, key, options, claims: { maxTLSCertDuration: '720h' } };
    }),
  );
  mkdirSync(path('probe'));
  writeFileSync(
    path('ca.json'),
    JSON.stringify({
      ...{ root: path('root.pem'), crt: path('step.pem'), key: path('step.key') },
      ...{ address: `127.0.0.1:${port}`, dnsNames: ['127.0.0.1', 'localhost'], authority: { provisioners } },
    }),
  );
  await start();
}, 3_700_000);
afterAll(async () => {
  await stop();
  rmSync(folder, { recursive: true, force: true });
});

authorityContract('step-ca, itself', { open: (dir) => open(dir) });
authorityFaults('step-ca, itself', {
  open: (dir) => open(dir),
  kinds: ['down', 'silent'],
  async fault(kind) {
    if (kind === 'down') return stop();
    if (kind === 'silent') return void server?.kill('SIGSTOP');
    if (server === undefined) await start();
    else server.kill('SIGCONT');
  },
  secrets: ['PRIVATE KEY'],
});

const makeRequest = () => {
  const { publicKey, privateKey } = makeKeys();
  return {
    publicKey,
    request: { csr: createCsr(privateKey), notBefore: new Date(), notAfter: new Date(Date.now() + day) },
  };
};

test('a provisioner without a template for CAs gives a leaf, which is found out', async () => {
  const authority = await open(path('leaves'), { provisioner: 'leaves', 'key-file': path('leaves.jwk') });
  const { publicKey, request } = makeRequest();
  const chain = await authority.mintIntermediate(request);
  const roots = authority.roots().value();
  expect(() => verifyIntermediate({ chain, roots, publicKey, trustDomain, now: Date.now() })).toThrow(/may sign no/);
  await authority.close();
});

test('a key of another provisioner, or more time than is allowed, is refused', async () => {
  for (const over of [{ 'key-file': path('leaves.jwk') }, { hours: '8000' }]) {
    const authority = await open(path('refused'), over);
    const { request } = makeRequest();
    const long = { ...request, notAfter: new Date(Date.now() + 200 * day) };
    const failed = CellwallError.from(
      await authority.mintIntermediate(long).then(
        () => 'it worked',
        (reason) => reason,
      ),
    );
    expect(failed.code).toBe('failed_precondition');
    await authority.close();
  }
});
