// Ports that are open to anybody: the bundle endpoint, the one of relying parties (with TLS and without), and the admin API's with TLS.
// Whoever fills one with connections keeps nobody else out, and each connection carries one request.
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTlsDoor } from '../../src/admin/tls-door.ts';
import { openBundleEndpoint } from '../../src/identity/federation/bundle-endpoint.ts';
import { createOidcServer } from '../../src/identity/jwt/oidc-server.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { eventually } from '../support/eventually.ts';
import { createTestCa } from '../support/test-ca.ts';

interface Port {
  readonly port: number;
  readonly path: string;
  readonly secure: boolean;
  close(): Promise<void>;
}

const host = '127.0.0.1';
const open = new Map<string, Port>();

beforeAll(async () => {
  const { certificate, key } = await (await createTestCa('web')).issue({ dns: ['localhost'] });
  const tls = { certificate, key: new Redacted(key) };
  const address = { host, port: 0 };
  const body = async (): Promise<string> => '{"keys": []}';
  const bundles = await openBundleEndpoint({ address, credentials: tls, body, log: silentLog });
  open.set('the bundle endpoint', { port: bundles.address.port, path: '/', secure: true, close: bundles.close });
  for (const [name, pair] of [
    ['relying parties', undefined],
    ['relying parties, with TLS', tls],
  ] as const) {
    const documents = { value: () => ({ configuration: '{}', keys: '{"keys": []}' }) };
    const server = createOidcServer({ issuer: 'https://oidc.example', documents, tls: pair });
    const { port } = await server.listen(address);
    open.set(name, { port, path: '/keys.json', secure: pair !== undefined, close: server.close });
  }
  const http = createServer((asked, answer) => {
    door.settled(asked.socket, 'proven');
    answer.end('{}');
  });
  const door = createTlsDoor(http);
  const port = await door.listen(address, tls);
  open.set('the admin API', { port, path: '/', secure: true, close: door.close });
});
afterAll(async () => {
  for (const { close } of open.values()) await close();
});

const portOf = (name: string): Port => {
  const found = open.get(name);
  if (found === undefined) throw new Error(name);
  return found;
};

/** From another address of this host. */
function get({
  port,
  path,
  secure,
}: Port): Promise<{ readonly status: number | undefined; readonly connection: unknown }> {
  return new Promise((resolve, reject) => {
    const options = {
      host,
      port,
      path,
      localAddress: '127.0.0.2',
      agent: false,
      timeout: 3000,
      rejectUnauthorized: false,
    };
    const answered = (answer: IncomingMessage): void => {
      answer.resume();
      answer.on('end', () => resolve({ status: answer.statusCode, connection: answer.headers.connection }));
    };
    const asked = secure ? httpsRequest(options, answered) : httpRequest(options, answered);
    asked.on('timeout', () => asked.destroy(new Error('not answered')));
    asked.on('error', reject).end();
  });
}

/** That say nothing. */
async function fill({ port }: Port, count: number): Promise<readonly Socket[]> {
  let connected = 0;
  const sockets = Array.from({ length: count }, () => {
    const socket = connect({ host, port });
    socket.on('error', () => {});
    return socket.once('connect', () => connected++);
  });
  await eventually('they are there', async () => (connected === count ? true : undefined));
  return sockets;
}

describe.each(['the bundle endpoint', 'relying parties', 'relying parties, with TLS', 'the admin API'])(
  '%s',
  (name) => {
    it('answers others while one address has filled it', async () => {
      const port = portOf(name);
      const silent = await fill(port, 700);
      try {
        for (let count = 0; count < 5; count++) expect(await get(port)).toMatchObject({ status: 200 });
      } finally {
        for (const socket of silent) socket.destroy();
      }
    });

    // The admin API keeps connections of those who prove themselves.
    if (name === 'the admin API') return;
    it('ends a connection with its answer', async () => {
      expect(await get(portOf(name))).toEqual({ status: 200, connection: 'close' });
    });
  },
);
