// An application that speaks TLS behind its sidecar is told at its start; others are left alone.
import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, createServer as createTcp, type Server } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { Log } from '../../../src/lib/log.ts';
import { warnOfTls } from '../../../src/sidecar/warn-of-tls.ts';
import { freePorts } from '../../support/free-ports.ts';
import { heardLog } from '../../support/heard-log.ts';
import { createTestCa } from '../../support/test-ca.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function listen(server: Server, port = 0): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** What the log says of an application on this port. */
async function told(port: number): Promise<readonly string[]> {
  const said: string[] = [];
  const log: Log = heardLog({ error: (_fields: object, message: string) => void said.push(message) });
  await warnOfTls({
    application: { host: '127.0.0.1', port },
    log,
    signal: AbortSignal.timeout(15_000),
    everyMs: 50,
  });
  return said;
}

const warning = [expect.stringContaining('the application speaks TLS itself')];
const certificate = async () => {
  const { certificate: cert, key } = await (await createTestCa()).issue({ dns: ['app.test'] });
  return { cert, key };
};

test('HTTPS', async () => {
  expect(await told(await listen(createHttps(await certificate())))).toEqual(warning);
});

test('HTTPS that asks for a certificate, of TLS 1.2 alone', async () => {
  const options = { ...(await certificate()), requestCert: true, rejectUnauthorized: true };
  expect(await told(await listen(createHttps({ ...options, maxVersion: 'TLSv1.2' })))).toEqual(warning);
});

test('TLS that refuses who gives no name', async () => {
  const options = {
    ...(await certificate()),
    SNICallback: (_name: string, done: (error: Error) => void) => done(new Error()),
  };
  expect(await told(await listen(createHttps({ ...options, ALPNProtocols: ['none'] })))).toEqual(warning);
});

test('one that comes later', async () => {
  const [port = 0] = await freePorts(1);
  const asking = told(port);
  const server = createHttps(await certificate());
  await listen(server, port);
  expect(await asking).toEqual(warning);
});

test.each([
  ['HTTP', () => createHttp((_request, response) => response.end())],
  ['a server that greets', () => createTcp((socket) => socket.on('error', () => undefined).write('220 hello\r\n'))],
  ['one that closes', () => createTcp((socket) => socket.on('error', () => undefined).destroy())],
  ['one that says nothing', () => createTcp((socket) => socket.on('error', () => undefined).resume())],
])('says nothing of %s', async (_what, create) => {
  expect(await told(await listen(create()))).toEqual([]);
});
