// The loopback port of a dependency: a browser that a page led there by its own name is refused, whatever it calls itself; who calls as
// applications do is not. And a socket in its place, for those whom its mode lets in. One real Envoy, the caller's.
import { rmSync, statSync } from 'node:fs';
import { createSecureServer, connect as h2 } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parseDocuments } from '../../../src/model/parse.ts';
import type { DependencyIr, MeshIr, PortKey, ServiceKey } from '../../../src/policy/ir.ts';
import { figure } from '../../support/figure.ts';
import { httpCall } from '../../support/http-call.ts';
import { meshOf, problemsOf } from '../../support/resolve-text.ts';
import { createTestCa } from '../../support/test-ca.ts';
import { startTranslatedProxy, type TranslatedProxy } from '../../support/translated-proxy.ts';
import { idOf, meshDocument, serviceDocument, trustDomain } from '../../translate/mesh-text.ts';
import { shortFolder } from './false-server.ts';

const web = 'cell-1/web' as ServiceKey;
const folder = shortFolder();
const socketPath = join(folder.path, 'named.sock');
let caller: TranslatedProxy;
let close = async (): Promise<void> => {};
/** Of `api`, with the names that each declares. */
let plain = 0;
let named = 0;
let any = 0;
let grpc = 0;

const text = [
  meshDocument('strict'),
  ...['api', 'named', 'any'].map((name) => serviceDocument(name, 'cell-1', '{protocol: http1}')),
  ...['grpc', 'socket'].map((name) => serviceDocument(name, 'cell-1', '{protocol: grpc}')),
  serviceDocument(
    'web',
    'cell-1',
    `{protocol: http1, dependsOn: [
      {service: api, listen: 15001},
      {service: named, listen: 15002, hosts: [gitlab.example.com, '*.pages.example', 127.0.0.1]},
      {service: any, listen: 15003, hosts: ['*', x.example]},
      {service: grpc, listen: 15004},
      {service: socket, listen: 'unix:${socketPath}', mode: '0660'}]}`,
  ),
].join('');

beforeAll(async () => {
  const ca = await createTestCa('mesh root');
  // All of them, in the test's process: what comes out of the caller's sidecar.
  const servers = await Promise.all(
    ['api', 'named', 'any', 'grpc', 'socket'].map(async (name) => {
      const { certificate: cert, key } = await ca.issue({ uri: idOf(name, 'cell-1') });
      const options = { cert, key, ca: ca.root, requestCert: true, allowHTTP1: true };
      const server = createSecureServer(options, (request, response) => {
        if (request.httpVersion !== '2.0') return response.end('reached');
        response.writeHead(200, { 'content-type': 'application/grpc' });
        response.addTrailers({ 'grpc-status': '0' });
        return response.end(Buffer.from([0, 0, 0, 0, 0]));
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return { name, server, port: (server.address() as AddressInfo).port };
    }),
  );
  const documents = meshOf(text);
  const free = (one: DependencyIr): DependencyIr => (typeof one.listen === 'number' ? { ...one, listen: 0 } : one);
  const found = documents.services.get(web);
  if (found === undefined) throw new Error('no web');
  const mesh: MeshIr = {
    ...documents,
    services: new Map(documents.services).set(web, { ...found, dependsOn: found.dependsOn.map(free) }),
  };
  const endpoints = new Map(
    servers.map(({ name, port }) => [`cell-1/${name}` as PortKey, [{ address: '127.0.0.1', port, cell: 'cell-1' }]]),
  );
  const bundles = { roots: ca.root, legacyAnchors: new Map() };
  const svid = await ca.issue({ uri: idOf('web', 'cell-1') });
  caller = await startTranslatedProxy({ mesh, endpoints, bundles }, { spiffeId: found.spiffeId, service: web }, svid);
  close = async () => {
    await caller.stop();
    for (const { server } of servers) server.close();
  };
  const portOf = (name: string): Promise<number> => caller.envoy.port(`outbound:cell-1/${name}`);
  [plain, named, any, grpc] = [await portOf('api'), await portOf('named'), await portOf('any'), await portOf('grpc')];
  await vi.waitFor(async () => expect(await status(plain, '127.0.0.1')).toBe(200), { timeout: 10_000 });
});

afterAll(async () => {
  await close();
  folder.remove();
  rmSync(socketPath, { force: true });
});

async function status(port: number, host: string): Promise<number> {
  return (await httpCall({ port, headers: { host } })).status;
}

/** As raw bytes, for what a library would put right. */
function raw(port: number, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request));
    let answer = '';
    socket.on('data', (bytes) => {
      answer += bytes;
      socket.end();
    });
    socket.on('error', reject).on('close', () => resolve(answer.slice(9, 12)));
  });
}

const foreign = [
  'evil.example',
  'EVIL.example:80',
  '127.evil.example',
  '127.0.0.1.evil.example',
  'localhost.evil.example',
  'evil.example.',
  'a.b:9000',
  'api.cell-1',
  '127x0x0x1.example',
  '127.0.0.2',
  '192.168.1.7',
  '[::2]',
  '[fe80::1]',
  'user@127.0.0.1',
  '127.0.0.1:80.evil.example',
  'xn--bcher-kva.example',
  '1.0.0.127.in-addr.arpa',
];

describe('a name of somebody else', () => {
  it.each(foreign)('%s is refused', async (host) => {
    expect(await status(plain, host)).toBe(403);
    // The control: where the document allows any, the same call arrives.
    expect(await status(any, host)).toBe(200);
  });

  it('is refused with a word on what to do', async () => {
    expect(await httpCall({ port: plain, headers: { host: 'evil.example' } })).toMatchObject({
      status: 403,
      body: expect.stringContaining('"hosts" of this dependency'),
    });
  });

  it.each([
    ['in the request line', `GET http://evil.example/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`],
    ['in a header beside the right one', 'GET / HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: 127.0.0.1\r\n\r\n'],
    ['twice', 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n'],
    ['with a tab', 'GET / HTTP/1.1\r\nHost:\tevil.example\r\n\r\n'],
    ['with every method', 'DELETE / HTTP/1.1\r\nHost: evil.example\r\n\r\n'],
    [
      'asking for a WebSocket',
      'GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
    ],
  ])('is refused %s', async (_how, request) => {
    expect(['400', '403', '404']).toContain(await raw(plain, request));
  });

  it('is refused over HTTP/2', async () => {
    const session = h2(`http://127.0.0.1:${plain}`);
    const answer = await new Promise((resolve, reject) => {
      const stream = session.request({ ':authority': 'evil.example', ':path': '/' });
      stream.on('response', (headers) => resolve(headers[':status'])).on('error', reject);
      stream.resume().end();
    });
    session.destroy();
    expect(answer).toBe(403);
    figure('foreignHostsRefused', foreign.length);
  });
});

describe('who calls as applications do', () => {
  it.each([
    '127.0.0.1',
    'localhost',
    'LocalHost:1',
    '[::1]',
    '[::1]:9000',
    'api',
    'api:9000',
    'localhost.',
    'api.:9000',
    'some_upstream',
    'test',
  ])('is served as %s', async (host) => expect(await status(plain, host)).toBe(200));

  it('is served by its port, and with an empty Host', async () => {
    expect(await status(plain, `127.0.0.1:${plain}`)).toBe(200);
    expect(await status(plain, `localhost:${plain}`)).toBe(200);
    expect(await raw(plain, 'GET / HTTP/1.1\r\nHost:\r\n\r\n')).toBe('200');
  });

  it.each([
    ['gitlab.example.com', 200],
    ['gitlab.example.com:443', 200],
    ['GitLab.Example.com', 200],
    ['a.pages.example', 200],
    ['a.b.pages.example:8080', 200],
    ['127.0.0.1', 200],
    ['localhost', 200],
    ['other.example.com', 403],
    ['pages.example', 403],
    ['evilpages.example', 403],
  ])('is served by the names that the document adds, and no others: %s', async (host, expected) => {
    expect(await status(named, host)).toBe(expected);
  });

  const call = (target: string, options = {}): Promise<number> =>
    new Promise((resolve) => {
      const client = new Client(target, credentials.createInsecure(), options);
      const bytes = (value: Buffer): Buffer => value;
      const deadline = Date.now() + 10_000;
      client.makeUnaryRequest('/a.B/C', bytes, bytes, Buffer.alloc(0), new Metadata(), { deadline }, (failure) => {
        client.close();
        resolve(failure?.code ?? 0);
      });
    });

  it('is served over gRPC, however it names the target', async () => {
    const targets = [`127.0.0.1:${grpc}`, `localhost:${grpc}`, `ipv4:127.0.0.1:${grpc}`, `dns:localhost:${grpc}`];
    expect(await Promise.all(targets.map((target) => call(target)))).toEqual(targets.map(() => 0));
    expect(await call(`127.0.0.1:${grpc}`, { 'grpc.default_authority': 'gitaly' })).toBe(0);
    // 7: permission denied.
    expect(await call(`127.0.0.1:${grpc}`, { 'grpc.default_authority': 'evil.example' })).toBe(7);
  });

  it('is served on a socket, which only its mode lets in to, by any name', async () => {
    await expect.poll(() => call(`unix:${socketPath}`), { timeout: 10_000 }).toBe(0);
    expect(statSync(socketPath).mode & 0o777).toBe(0o660);
    expect(await call(`unix:${socketPath}`, { 'grpc.default_authority': 'evil.example' })).toBe(0);
    expect(caller.ads.nacks).toEqual([]);
  });
});

describe('a document', () => {
  const dependency = (fields: string): readonly string[] => {
    const text = [
      meshDocument('strict'),
      serviceDocument('api', 'cell-1', '{protocol: http1}'),
      serviceDocument('db', 'cell-1', '{protocol: tcp}'),
      serviceDocument('web', 'cell-1', `{protocol: http1, dependsOn: [${fields}]}`),
    ].join('');
    const parsed = parseDocuments(text, 'test.yaml');
    const problems = parsed.kind === 'invalid' ? parsed.problems : problemsOf(text);
    return problems.filter(({ severity }) => severity === 'error').map(({ message }) => message);
  };

  it.each([
    '/etc/passwd',
    'unix:/etc/passwd',
    'unix:relative.sock',
    'unix:/run/../etc/x.sock',
    'unix:/run/./x.sock',
    'unix://run/x.sock',
    'unix:/run/x.sock/',
    'unix:@abstract.sock',
    `unix:/${'x'.repeat(120)}.sock`,
  ])('names no %s to listen on', (listen) => {
    expect(dependency(`{service: api, listen: '${listen}'}`)).not.toEqual([]);
  });

  it('names a socket once, and a mode only with one', () => {
    const twice = "{service: api, listen: 'unix:/run/a.sock'}, {service: db, listen: 'unix:/run/a.sock'}";
    expect(dependency(twice)).toEqual(['two dependencies listen on unix:/run/a.sock']);
    expect(dependency("{service: api, listen: 9000, mode: '0600'}")).toEqual([
      expect.stringContaining('a port has no mode'),
    ]);
    expect(dependency("{service: api, listen: 'unix:/run/a.sock', mode: '0777'}")).not.toEqual([]);
    expect(dependency(`{service: api, listen: 'unix:${trustDomain}'}`)).not.toEqual([]);
    expect(dependency("{service: api, listen: 'unix:/run/web/a.sock', mode: '0666'}")).toEqual([]);
  });
});
