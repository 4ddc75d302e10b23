// A SPIRE server above this CA: the contract and the faults, by a stand-in of the agent and the server that speaks their wire.
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { rmSync } from 'node:fs';
import { createSecureServer, createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createCaFolder } from '../../src/identity/ca/ca-folder.ts';
import { createCertificate, createSigningCa, type SigningCa } from '../../src/identity/ca/certificate.ts';
import { bytesField, numberField, readFields } from '../../src/identity/ca/spire/fields.ts';
import { authorities } from '../../src/identity/catalog.ts';
import type { UpstreamAuthority } from '../../src/identity/upstream-authority.ts';
import { createCsr } from '../../src/identity/x509/create-csr.ts';
import { fromPem, toPem } from '../../src/identity/x509/pem.ts';
import { readCsr } from '../../src/identity/x509/read-csr.ts';
import type { CertificateContent } from '../../src/identity/x509/write-certificate.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import { frameOf } from '../../src/lib/grpc-call.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { temporaryFolder } from '../../src/lib/temporary-folder.ts';
import { domainOf } from '../support/identity-harness.ts';
import { authorityContract } from './authority-contract.ts';
import { authorityFaults, type Fault } from './authority-faults.ts';

const folder = temporaryFolder('spire');
const socket = join(folder, 'agent.sock');
const trustDomain = domainOf('td1');
const day = 86_400_000;
const makeKeys = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pemOf = (key: KeyObject): string => key.export({ format: 'pem', type: 'pkcs8' }).toString();
const dates = () => ({ notBefore: new Date(Date.now() - 10_000), notAfter: new Date(Date.now() + day) });

function makeRoot(name: string): SigningCa {
  const { publicKey, privateKey } = makeKeys();
  const common = { ...dates(), uri: 'spiffe://td1', commonName: name, ca: {} };
  return createSigningCa(createCertificate({ ...common, signingKey: privateKey, publicKey }).pem, pemOf(privateKey));
}
const root = makeRoot('spire');
const another = makeRoot('another');
function leaf(uri: string, by: SigningCa = root) {
  const { publicKey, privateKey } = makeKeys();
  const { pem } = createCertificate({ ...dates(), issuer: by, signingKey: by.key, publicKey, uri });
  return { cert: pem, key: pemOf(privateKey) };
}
const derOf = (pem: string): Buffer => fromPem(pem, 'CERTIFICATE')[0] ?? Buffer.alloc(0);

type Reply = Buffer | { readonly status: number } | 'hang-up';
/** What the agent gives, and what the server answers; undefined: nothing ever. */
let agent: () => Buffer | undefined;
let answer: (asked: { readonly key: KeyObject; readonly seconds: number }) => Reply | undefined;
/** Names of who presented a certificate to the server. */
let callers: string[] = [];

function reply(stream: ServerHttp2Stream, found: Reply | undefined): void {
  if (found === undefined) return;
  if (found === 'hang-up') return void stream.session?.destroy();
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  const status = Buffer.isBuffer(found) ? 0 : found.status;
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': String(status), 'grpc-message': 'stays here' }));
  stream.end(Buffer.isBuffer(found) ? frameOf(found) : undefined);
}
const svidMessage = (uri = 'spiffe://td1/cellwall'): Buffer => {
  const { cert, key } = leaf(uri);
  const secret = fromPem(key, 'PRIVATE KEY')[0] ?? Buffer.alloc(0);
  const svid = [Buffer.from(uri), derOf(cert), secret, derOf(root.pem)].map((bytes, at) => bytesField(at + 1, bytes));
  return bytesField(1, Buffer.concat(svid));
};
const asSpire: typeof answer = ({ key, seconds }) => {
  const notAfter = new Date(Math.min(root.notAfter.getTime(), Date.now() + seconds * 1000));
  const made = createCertificate({
    ...{ ...dates(), notAfter, issuer: root, signingKey: root.key, publicKey: key },
    ...{ uri: 'spiffe://td1', commonName: 'DOWNSTREAM-1', ca: {} },
  });
  return Buffer.concat([bytesField(1, derOf(made.pem)), bytesField(2, derOf(root.pem))]);
};

const servers: Server[] = [];
let port = 0;
async function startServer(identity: { readonly cert: string; readonly key: string }): Promise<number> {
  const server = createSecureServer({ ...identity, ca: root.pem, requestCert: true, rejectUnauthorized: true });
  server.on('secureConnection', (tls) => callers.push(tls.getPeerCertificate().subjectaltname ?? ''));
  server.on('stream', (stream) => {
    const chunks: Buffer[] = [];
    stream.on('error', () => {});
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      const message = Buffer.concat(chunks).subarray(5);
      const [csr = Buffer.alloc(0)] = readFields(message).get(1) ?? [];
      const { publicKey } = readCsr(toPem(csr, 'CERTIFICATE REQUEST'));
      // The CSR, then preferred_ttl.
      const after = message.subarray(message.indexOf(csr) + csr.length);
      const seconds = after.subarray(1).reduce((sum, byte, at) => sum + (byte & 127) * 128 ** at, 0);
      expect(after[0]).toBe(16);
      reply(stream, answer({ key: publicKey, seconds }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  servers.push(server);
  return (server.address() as AddressInfo).port;
}
beforeAll(async () => {
  const workload = createServer();
  workload.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    const isAllowed =
      headers['workload.spiffe.io'] === 'true' && headers[':path'] === '/SpiffeWorkloadAPI/FetchX509SVID';
    reply(stream, isAllowed ? agent() : { status: 3 });
  });
  await new Promise<void>((resolve) => workload.listen(socket, resolve));
  servers.push(workload);
  port = await startServer(leaf('spiffe://td1/spire/server'));
});
afterAll(() => {
  for (const server of servers) server.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  [agent, answer, callers] = [svidMessage, asSpire, []];
});

async function open(dir: string, over: Readonly<Record<string, string>> = {}): Promise<UpstreamAuthority> {
  const given = { server: `127.0.0.1:${port}`, 'workload-api': `unix:${socket}`, ...over };
  const { create } = await authorities.spire();
  return create({
    storage: createCaFolder(join(dir, 'ca')),
    trustDomain,
    options: Object.fromEntries(Object.entries(given).map(([name, value]) => [name, new Redacted(value)])),
    clock: systemClock,
    log: silentLog,
  });
}
const request = (key = makeKeys().privateKey) => ({
  csr: createCsr(key),
  notBefore: new Date(),
  notAfter: new Date(Date.now() + 3_600_000),
});
const failureOf = async (work: Promise<unknown>): Promise<CellwallError> =>
  CellwallError.from(
    await work.then(
      () => new Error('it worked'),
      (reason: unknown) => reason,
    ),
  );

authorityContract('spire', { open: (dir) => open(dir), pathLength: undefined });

test('the server sees the SVID of the agent', async () => {
  const authority = await open(folder);
  await authority.mintIntermediate(request());
  expect(callers).toEqual(['URI:spiffe://td1/cellwall']);
  await authority.close();
});

describe('nothing is certified, and nothing that was said is shown,', () => {
  test.each<[string, typeof answer, string]>([
    ['when it cannot now', () => ({ status: 14 }), 'unavailable'],
    ['when it has no more room', () => ({ status: 8 }), 'unavailable'],
    ['when it does not know this as downstream', () => ({ status: 7 }), 'failed_precondition'],
    ['when it fails', () => ({ status: 13 }), 'failed_precondition'],
    ['when it answers nothing', () => Buffer.alloc(0), 'failed_precondition'],
    ['when it answers what cannot be read', () => Buffer.from('ffffffffffffffffffffff', 'hex'), 'failed_precondition'],
    ['when it answers without end', () => Buffer.alloc(2_000_000), 'failed_precondition'],
  ])('%s', async (_, bad, code) => {
    const authority = await open(folder);
    answer = bad;
    const failed = await failureOf(authority.mintIntermediate(request()));
    expect(failed.code).toBe(code);
    expect(`${failed}${failed.hint}`).not.toContain('stays here');
    answer = asSpire;
    await authority.mintIntermediate(request());
    await authority.close();
  });

  test.each<[string, () => { readonly cert: string; readonly key: string }]>([
    ['by a workload that is not the server', () => leaf('spiffe://td1/web')],
    ['by a name that only begins so', () => leaf('spiffe://td1/spire/server/x')],
    ['by the server of other roots', () => leaf('spiffe://td1/spire/server', another)],
  ])('%s', async (_, identity) => {
    const authority = await open(folder, { server: `127.0.0.1:${await startServer(identity())}` });
    expect(await failureOf(authority.mintIntermediate(request()))).toMatchObject({ code: 'unavailable' });
    expect(callers).toEqual([]);
    await authority.close();
  });
});

const answers: Readonly<Record<Fault, typeof answer>> = {
  down: () => ({ status: 14 }),
  refusing: () => ({ status: 7 }),
  silent: () => undefined,
  'hanging-up': () => 'hang-up',
  nonsense: () => Buffer.from('0afffffffff0'),
  'wrong-key': () => certified({ key: makeKeys().publicKey }),
  'wrong-trust-domain': ({ key }) => certified({ key, uri: 'spiffe://td2' }),
  'wrong-root': ({ key }) => certified({ key, issuer: another }),
  ended: ({ key }) => certified({ key, notBefore: new Date(Date.now() - day), notAfter: new Date(Date.now() - 1000) }),
  'not-yet': ({ key }) => certified({ key, notBefore: new Date(Date.now() + 60_000) }),
  leaf: ({ key }) => certified({ key, ca: undefined }),
};
interface Made extends Partial<CertificateContent> {
  readonly key: KeyObject;
  readonly issuer?: SigningCa;
}
function certified({ key, issuer = root, ...more }: Made): Buffer {
  const content = { ...dates(), uri: 'spiffe://td1', commonName: 'x', ca: {}, ...more };
  return bytesField(1, derOf(createCertificate({ ...content, issuer, signingKey: issuer.key, publicKey: key }).pem));
}
authorityFaults('spire', {
  open: (dir) => open(dir),
  fault(kind) {
    answer = kind === undefined ? asSpire : answers[kind];
  },
  secrets: ['stays here', 'PRIVATE KEY'],
});

test('an agent that is away, gives nothing, or is of another trust domain is told as that', async () => {
  expect(await failureOf(open(folder, { 'workload-api': `unix:${folder}/none.sock` }))).toMatchObject({
    code: 'unavailable',
  });
  expect((await failureOf(open(folder, { 'workload-api': 'agent.sock' }))).code).toBe('invalid_argument');
  expect((await failureOf(open(folder, { 'spiffe-id': 'spiffe://td1/none' }))).message).toContain('spiffe://td1/none');
  agent = () => Buffer.alloc(0);
  expect(await failureOf(open(folder))).toMatchObject({
    code: 'unavailable',
    hint: expect.stringContaining('-downstream'),
  });
  agent = () => svidMessage('spiffe://td1.evil/cellwall');
  expect((await failureOf(open(folder))).message).toContain('another trust domain');
});

test('fields of any bytes are read, or refused, within their bounds', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        for (const [, found] of readFields(Buffer.from(bytes)))
          for (const one of found) expect(one.length).toBeLessThan(200);
      } catch (reason) {
        expect(CellwallError.from(reason).code).toBe('failed_precondition');
      }
    }),
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 15 }),
      fc.uint8Array({ maxLength: 400 }),
      fc.nat(),
      (number, bytes, value) => {
        const message = Buffer.concat([numberField(1, value), bytesField(number, bytes)]);
        expect([...readFields(message)]).toEqual([[number, [Buffer.from(bytes)]]]);
      },
    ),
  );
});
