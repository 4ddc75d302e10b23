// Applications on Unix sockets, as GitLab's Puma by default, behind real Envoys: HTTP/1.1, HTTP/2, gRPC and TCP. The control: the same
// call at the socket itself. One that is down is told and comes back on the same path; hostile paths are refused.
import { createServer, request } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { connect, createServer as createTcpServer, type NetConnectOpts, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { silentLog } from '../../../src/lib/log.ts';
import { Redacted } from '../../../src/lib/redacted.ts';
import { runSidecar, type Sidecar } from '../../../src/sidecar/run-sidecar.ts';
import { eventually } from '../../support/eventually.ts';
import { figure, qualifying } from '../../support/figure.ts';
import { freePorts } from '../../support/free-ports.ts';
import { frame } from '../../support/proto-bytes.ts';
import { policyText, serviceText, yaml } from '../../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../../support/serve-harness.ts';

type Protocol = 'http1' | 'http2' | 'grpc' | 'tcp';
const protocols: readonly Protocol[] = ['http1', 'http2', 'grpc', 'tcp'];
const calls = qualifying ? 500 : 50;

let wall: ServeHarness;
const sidecars: Sidecar[] = [];
const servers = new Map<Protocol, { readonly server: Server; readonly end: () => void }>();
const outbound = new Map<Protocol, number>();

beforeAll(async () => {
  const [http1 = 0, http2 = 0, grpc = 0, tcp = 0, ...inbound] = await freePorts(8);
  for (const [protocol, port] of Object.entries({ http1, http2, grpc, tcp })) outbound.set(protocol as Protocol, port);
  wall = await startServe(
    yaml(
      'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: strict}}',
      ...protocols.map((protocol) => serviceText(`of-${protocol}`, protocol)),
      serviceText(
        'web',
        'http1',
        `, dependsOn: [${protocols.map((protocol) => `{service: of-${protocol}, listen: ${outbound.get(protocol)}}`)}]`,
      ),
      ...protocols.map((protocol) => {
        const methods = protocol === 'http1' ? ', to: [{methods: [GET]}]' : '';
        return policyText(`of-${protocol}`, `of-${protocol}`, 'allow', `[{from: [{service: web}]${methods}}]`);
      }),
    ),
  );
  for (const protocol of protocols) await listen(protocol);
  await Promise.all([
    ...protocols.map((protocol, at) => sidecar(`of-${protocol}`, inbound[at], `unix:${pathOf(protocol)}`)),
    sidecar('web'),
  ]);
}, 120_000);

afterAll(async () => {
  for (const { envoyPid } of sidecars) process.kill(envoyPid, 'SIGKILL');
  await Promise.all(sidecars.map(({ exited }) => exited));
  for (const protocol of protocols) await stop(protocol);
  await wall.stop();
});

const pathOf = (protocol: Protocol): string => join(wall.folder, `${protocol}.sock`);

async function sidecar(service: string, inbound?: number, application?: string): Promise<void> {
  const { token } = await wall.admin.createToken({ service });
  sidecars.push(
    await runSidecar({
      identity: `127.0.0.1:${wall.identityPort}`,
      xds: `127.0.0.1:${wall.xdsPort}`,
      token: new Redacted(token),
      dataDir: join(wall.folder, service),
      ...(inbound === undefined ? {} : { inbound: `127.0.0.1:${inbound}` }),
      ...(application === undefined ? {} : { application }),
      env: process.env,
      log: silentLog,
      envoyWords: { write() {} },
      drainSeconds: 0,
    }),
  );
}

function applicationOf(protocol: Protocol): { readonly server: Server; readonly end: () => void } {
  if (protocol === 'http1') {
    const server = createServer((_request, response) => response.end('http1'));
    return { server, end: () => server.closeAllConnections() };
  }
  const open = new Set<{ destroy(): void }>();
  const end = (): void => {
    for (const one of open) one.destroy();
  };
  if (protocol === 'tcp') {
    const server = createTcpServer((socket) => socket.on('error', () => undefined).pipe(socket));
    server.on('connection', (socket) => open.add(socket));
    return { server, end };
  }
  const server = createHttp2Server().on('session', (session) => open.add(session));
  server.on('stream', (stream) => {
    stream.on('error', () => undefined).resume();
    stream.on('end', () => {
      if (protocol === 'http2') {
        stream.respond({ ':status': 200 });
        stream.end('http2');
        return;
      }
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(frame(Buffer.from('grpc')));
    });
  });
  return { server, end };
}

async function listen(protocol: Protocol): Promise<void> {
  const made = applicationOf(protocol);
  servers.set(protocol, made);
  await new Promise<void>((resolve) => made.server.listen(pathOf(protocol), resolve));
}

async function stop(protocol: Protocol): Promise<void> {
  const found = servers.get(protocol);
  if (found?.server.listening !== true) return;
  const closed = new Promise((resolve) => found.server.close(resolve));
  found.end();
  await closed;
}

/** What came back, as one word; an error's where nothing did. */
function call(protocol: Protocol, to: NetConnectOpts, method = 'GET'): Promise<string> {
  return new Promise((resolve) => {
    const failed = (reason: Error): void => resolve(reason.message);
    if (protocol === 'http1') {
      request({ createConnection: () => connect(to), path: '/', method }, (answer) => {
        let body = '';
        answer.setEncoding('utf8').on('data', (chunk: string) => {
          body += chunk;
        });
        answer.on('end', () => resolve(answer.statusCode === 200 ? body : String(answer.statusCode)));
      })
        .on('error', failed)
        .end();
      return;
    }
    if (protocol === 'tcp') {
      const socket = connect(to, () => socket.write('tcp'));
      socket.once('data', (chunk) => {
        socket.destroy();
        resolve(String(chunk));
      });
      socket.on('error', failed).on('close', () => resolve('closed'));
      return;
    }
    const session = connectHttp2('http://application', { createConnection: () => connect(to) }).on('error', failed);
    const grpc = protocol === 'grpc';
    const stream = session.request(
      grpc
        ? { ':method': 'POST', ':path': '/a.B/C', 'content-type': 'application/grpc', te: 'trailers' }
        : { ':path': '/' },
    );
    let status: unknown;
    const chunks: Buffer[] = [];
    const note = (seen: Readonly<Record<string, unknown>>): void => {
      status ??= seen['grpc-status'];
    };
    stream.on('response', note).on('trailers', note).on('error', failed);
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('close', () => {
      session.destroy();
      const body = Buffer.concat(chunks);
      resolve(grpc ? (status === '0' ? body.subarray(5).toString() : `gRPC ${status}`) : body.toString());
    });
    stream.end(grpc ? frame(Buffer.from('x')) : undefined);
  });
}

const through = (protocol: Protocol, method?: string): Promise<string> =>
  call(protocol, { host: '127.0.0.1', port: outbound.get(protocol) ?? 0 }, method);

it.each(protocols)('%s: every call passes, as at the socket itself', { timeout: 90_000 }, async (protocol) => {
  expect(await call(protocol, { path: pathOf(protocol) })).toBe(protocol);
  await eventually('calls pass', async () => (await through(protocol)) === protocol || undefined, 60_000);
  let failed = 0;
  for (let sent = 0; sent < calls; sent += 1) if ((await through(protocol)) !== protocol) failed += 1;
  figure(`failedCalls.${protocol}`, failed);
  expect(failed).toBe(0);
});

it('its policy holds before the socket, and its address is told', { timeout: 60_000 }, async () => {
  // The control: the application itself takes it.
  expect(await call('http1', { path: pathOf('http1') }, 'POST')).toBe('http1');
  expect(await through('http1', 'POST')).toBe('403');
  const proxy = await eventually('its helper has told of it', async () => {
    const found = (await wall.admin.proxies()).proxies.find(({ service }) => service === 'of-http1');
    return found?.applicationState === undefined ? undefined : found;
  });
  expect(proxy).toMatchObject({
    application: { path: pathOf('http1') },
    applicationState: { answers: true, around: [] },
  });
});

it('one that is down is told, and is found again at its path', { timeout: 60_000 }, async () => {
  const answers = async (): Promise<boolean | undefined> =>
    (await wall.admin.proxies()).proxies.find(({ service }) => service === 'of-http1')?.applicationState?.answers;
  await stop('http1');
  await eventually('it is said to be down', async () => (await answers()) === false || undefined, 20_000);
  expect(await through('http1')).toBe('503');
  await listen('http1');
  await eventually('it is said to be back', async () => (await answers()) === true || undefined, 20_000);
  expect(await through('http1')).toBe('http1');
});
