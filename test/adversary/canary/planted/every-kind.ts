// A run that leaks a key or a token in every kind of output. Not a test of the project: `whole-run.test.ts` runs it, and looks at what is
// found.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { createServer as createHttp, get } from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { createAdminToken } from '../../../../src/admin/token.ts';
import { silentLog } from '../../../../src/lib/log.ts';
import { keepOutput } from '../../../support/canary/keep-output.ts';
import { startEnvoy } from '../../../support/start-envoy.ts';

const folder = mkdtempSync(join(tmpdir(), 'cellwall-planted-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const makeKey = (): Buffer => {
  const { d = '' } = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
  return Buffer.from(d, 'base64url');
};
const makeToken = (): string => createAdminToken(mkdtempSync(join(folder, 'data-'))).reveal();

/** A program that leaks what its environment holds, in words of its own. */
const program = (statement: string): readonly string[] => [
  '--input-type=commonjs',
  '-e',
  `const leak = process.env.LEAK; ${statement}`,
];
const environment = (leak: string): NodeJS.ProcessEnv => ({ ...process.env, LEAK: leak });
const ended = async (child: ReturnType<typeof spawn>): Promise<void> => void (await once(child, 'close'));

test('what a program prints', async () => {
  const leak = makeKey().toString('hex');
  const child = spawn(process.execPath, program(`process.stdout.write('{"key":"' + leak + '"}')`), {
    env: environment(leak),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await ended(child);
});

test('a crash', async () => {
  const leak = makeKey().toString('base64');
  const child = spawn(process.execPath, program("throw new Error('cannot use ' + leak)"), { env: environment(leak) });
  await ended(child);
});

test('what nobody listens to', async () => {
  const leak = makeToken();
  await ended(spawn(process.execPath, program('console.log(leak)'), { env: environment(leak), stdio: 'ignore' }));
});

test('a log that is gone before the end', async () => {
  const leak = makeKey().toString('base64url');
  const path = join(folder, 'serve.log');
  const log = openSync(path, 'a');
  const child = spawn(process.execPath, program('console.error(leak)'), {
    env: environment(leak),
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  await ended(child);
  unlinkSync(path);
});

test('a key that only another process knows', () => {
  const made = `const { privateKey } = require('crypto').generateKeyPairSync('ed25519');
    console.log(privateKey.export({ format: 'pem', type: 'pkcs8' }).replaceAll('\\n', ' '))`;
  spawnSync(process.execPath, program(made), { encoding: 'utf8' });
});

test('a key of a program that is not watched', () => {
  const file = join(folder, 'other.pem');
  execFileSync('openssl', ['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', file], { env: {} });
  execFileSync('sh', ['-c', 'cat "$0"', file], { encoding: 'utf8' });
});

test('a file', () => {
  writeFileSync(join(folder, 'audit.jsonl'), JSON.stringify({ by: makeToken() }));
});

test('an answer to fetch and one to Node, in pieces, and on a socket', async () => {
  const [metrics, status, raw] = [makeKey(), makeKey(), makeKey()];
  const server = createHttp((request, response) => {
    const text = request.url === '/metrics' ? metrics.toString('hex') : [...status].join(',');
    response.write(text.slice(0, 30));
    setImmediate(() => response.end(text.slice(30)));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const [response] = await once(get({ port, path: '/v1/status?of=all', agent: false }), 'response');
  await once(response.resume(), 'end');
  server.close();
  const plain = createServer((socket) => socket.end(raw));
  await once(plain.listen(0, '127.0.0.1'), 'listening');
  await once(connect((plain.address() as AddressInfo).port, '127.0.0.1').resume(), 'close');
  plain.close();
});

test('a page of Envoy', { timeout: 30_000 }, async () => {
  const envoy = await startEnvoy({ node: { id: 'a', cluster: 'a', metadata: { leak: makeToken() } } });
  await envoy.stop();
});

test('a silent log, and a command in the test', () => {
  silentLog.warn({ reason: new Error(`refused ${makeKey().toString('hex').toUpperCase()}`) }, 'refused');
  keepOutput('stdout', 'cellwall status in the test', makeToken());
});

test('a failure', () => {
  expect(makeKey().toString('hex')).toBe('another');
});
