// What a caller sees when what he has open is cut, by a deny rule or an evicted host: nothing with an end of its own looks
// whole. A download is broken off before its end; a gRPC call is INTERNAL through the caller's sidecar, which resets it, and UNAVAILABLE
// to who connects himself; a TCP connection ends in order (docs/cutting.md says why). The control: the same calls end whole where nobody
// cuts.
import { readFileSync } from 'node:fs';
import { createServer as createHttp1Server, request } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, connect, createServer as createTcpServer, type Server } from 'node:net';
import { join } from 'node:path';
import { type ChannelCredentials, Client, credentials, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLog } from '../../../src/lib/log.ts';
import { Redacted } from '../../../src/lib/redacted.ts';
import { runSidecar, type Sidecar } from '../../../src/sidecar/run-sidecar.ts';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../../support/free-ports.ts';
import { httpCall } from '../../support/http-call.ts';
import { frame } from '../../support/proto-bytes.ts';
import { policyText, serviceText, yaml } from '../../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../../support/serve-harness.ts';

const kinds = ['http1', 'grpc', 'tcp'] as const;
type Kind = (typeof kinds)[number];

/** Whole after so long, if nobody cuts it. */
let wholeMs = 600;
const applications: Record<Kind, Server> = {
  http1: createHttp1Server((incoming, response) => {
    if (incoming.url === '/') return void response.end();
    const parts = 20;
    if (incoming.url === '/sized') response.writeHead(200, { 'content-length': parts * 1000 });
    trickle(parts, (last) => (last ? response.end() : response.write('x'.repeat(1000))), response);
  }),
  grpc: createHttp2Server().on('stream', (stream) => {
    stream.on('error', () => undefined).resume();
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    trickle(20, (last) => (last ? stream.end() : stream.write(frame(Buffer.from('x')))), stream);
  }),
  tcp: createTcpServer((socket) => {
    socket.on('error', () => undefined).resume();
    trickle(20, (last) => (last ? socket.end() : socket.write('x'.repeat(1000))), socket);
  }),
};

function trickle(parts: number, send: (last: boolean) => void, to: NodeJS.EventEmitter): void {
  let sent = 0;
  const timer = setInterval(() => {
    send(sent === parts);
    if (sent++ === parts) clearInterval(timer);
  }, wholeMs / parts);
  to.once('close', () => clearInterval(timer));
}

let wall: ServeHarness;
const router = 'spiffe://td1/edge/router';
let outbound: readonly number[] = [];
/** Of the gRPC service's sidecar. */
let inbound = 0;
const sidecars: Sidecar[] = [];
const port = (kind: Kind): number => outbound[kinds.indexOf(kind)] ?? 0;
const policies = (): string[] =>
  kinds.map((kind) => policyText(kind, kind, 'allow', `[{from: [{service: web}, {spiffeId: "${router}"}]}]`));

beforeAll(async () => {
  const ports = await freePorts(6);
  outbound = ports.slice(3);
  inbound = ports[1] ?? 0;
  const depends = `, dependsOn: [${kinds.map((kind) => `{service: ${kind}, listen: ${port(kind)}}`).join(', ')}]`;
  wall = await startServe(
    yaml(
      'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: strict}}',
      ...kinds.map((kind) => serviceText(kind, kind)),
      serviceText('web', 'http1', depends),
      `kind: Workload\nmetadata: {name: router}\nspec: {identity: {spiffeId: "${router}"}, selectors: [{attestor: join-token}]}`,
      ...policies(),
    ),
  );
  const start = async (service: string, more: object): Promise<void> => {
    const { token } = await wall.admin.createToken({ service });
    sidecars.push(
      await runSidecar({
        identity: `127.0.0.1:${wall.identityPort}`,
        xds: `127.0.0.1:${wall.xdsPort}`,
        token: new Redacted(token),
        dataDir: join(wall.folder, service),
        env: process.env,
        log: silentLog,
        envoyWords: { write() {} },
        drainSeconds: 0,
        ...more,
      }),
    );
  };
  for (const [at, kind] of kinds.entries()) {
    const server = applications[kind];
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    await start(kind, {
      inbound: `127.0.0.1:${ports[at]}`,
      application: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    });
  }
  await start('web', {});
  await passes();
}, 120_000);

afterAll(async () => {
  for (const { envoyPid } of sidecars) process.kill(envoyPid, 'SIGKILL');
  await Promise.all(sidecars.map(({ exited }) => exited));
  for (const server of Object.values(applications)) server.close();
  await wall.stop();
});

const remove = (...keys: readonly string[]) =>
  wall.admin.apply({ changes: keys.map((key) => ({ op: 'delete' as const, key })) });

/** Every one of the three is reached. */
const passes = (): Promise<unknown> =>
  eventually(
    'calls pass',
    async () => {
      wholeMs = 100;
      const seen = await Promise.all([
        httpCall({ port: port('http1') }).then(
          ({ status }) => status,
          () => 0,
        ),
        grpcStream(),
        tcp(),
      ]);
      return (seen[0] === 200 && seen[1].code === 0 && seen[2].bytes === 20_000) || undefined;
    },
    60_000,
  );

interface Download {
  readonly how: 'whole' | 'broken off';
  readonly bytes: number;
}

/** As Node's client tells it. */
function download(path: '/chunked' | '/sized'): Promise<Download> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port: port('http1'), path, agent: false }, (answer) => {
      let bytes = 0;
      answer.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      answer.on('error', () => undefined);
      answer.on('close', () => resolve({ how: answer.complete ? 'whole' : 'broken off', bytes }));
    })
      .on('error', reject)
      .end();
  });
}

/** As the wire has it: whether the last chunk came. */
function rawDownload(): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect({ host: '127.0.0.1', port: port('http1') }, () =>
      socket.write('GET /chunked HTTP/1.1\r\nhost: x\r\n\r\n'),
    );
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk;
      if (text.endsWith('0\r\n\r\n')) socket.destroy();
    });
    socket.on('error', () => undefined).on('close', () => resolve(text));
  });
}

const same = (bytes: Buffer): Buffer => bytes;

function grpcStream(
  to = `127.0.0.1:${port('grpc')}`,
  as: ChannelCredentials = credentials.createInsecure(),
): Promise<{ readonly code: number; readonly messages: number }> {
  const client = new Client(to, as);
  return new Promise((resolve) => {
    const stream = client.makeServerStreamRequest('/a.B/C', same, same, Buffer.from('x'));
    let messages = 0;
    stream.on('data', () => {
      messages += 1;
    });
    stream.on('error', () => undefined);
    stream.on('status', ({ code }) => {
      client.close();
      resolve({ code, messages });
    });
  });
}

/** Without a sidecar, as an edge connects. */
async function routerCredentials(): Promise<ChannelCredentials> {
  const { chain, key, bundle } = await wall.enrol(router);
  const [root, own, certificate] = [bundle, key, chain].map((file) => readFileSync(file));
  return credentials.createSsl(root, own, certificate, { checkServerIdentity: () => undefined });
}

function tcp(): Promise<{ readonly bytes: number; readonly error: string | undefined }> {
  return new Promise((resolve) => {
    let bytes = 0;
    let error: string | undefined;
    const socket = connect({ host: '127.0.0.1', port: port('tcp') }, () => socket.write('x'));
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    socket.on('error', (reason: NodeJS.ErrnoException) => {
      error = reason.code;
    });
    socket.on('close', () => resolve({ bytes, error }));
  });
}

/** One of each, until it ends. */
async function all(edge: ChannelCredentials) {
  const [chunked, sized, raw, grpc, direct, connection] = await Promise.all([
    download('/chunked'),
    download('/sized'),
    rawDownload(),
    grpcStream(),
    grpcStream(`127.0.0.1:${inbound}`, edge),
    tcp(),
  ]);
  return { chunked, sized, lastChunk: raw.endsWith('0\r\n\r\n'), grpc, direct, connection };
}

test('the control: nobody cuts', { timeout: 30_000 }, async () => {
  wholeMs = 600;
  expect(await all(await routerCredentials())).toEqual({
    chunked: { how: 'whole', bytes: 20_000 },
    sized: { how: 'whole', bytes: 20_000 },
    lastChunk: true,
    grpc: { code: status.OK, messages: 20 },
    direct: { code: status.OK, messages: 20 },
    connection: { bytes: 20_000, error: undefined },
  });
});

const from = `[{from: [{service: web}, {spiffeId: "${router}"}]}]`;
const stays = async (): Promise<void> => undefined;
const cuts: readonly (readonly [string, () => Promise<unknown>, () => Promise<unknown>])[] = [
  [
    'a deny rule',
    () => wall.apply(yaml(...kinds.map((kind) => policyText(`no-${kind}`, kind, 'deny', from)))),
    () => remove(...kinds.map((kind) => `AuthorizationPolicy/no-${kind}`)),
  ],
  [
    'an evicted host',
    () => Promise.all([wall.admin.evict(router), wall.admin.evict('spiffe://td1/service/web')]),
    stays,
  ],
];

test.each(cuts)('%s', { timeout: 90_000 }, async (_what, cut, back) => {
  const edge = await routerCredentials();
  wholeMs = 30_000;
  const open = all(edge);
  // Each has had something before it is cut: see below.
  await new Promise((resolve) => setTimeout(resolve, 4000));
  await cut();
  const seen = await open;
  expect(seen).toMatchObject({
    chunked: { how: 'broken off' },
    sized: { how: 'broken off' },
    lastChunk: false,
    grpc: { code: status.INTERNAL },
    direct: { code: status.UNAVAILABLE },
  });
  const bytes = [seen.chunked, seen.sized, seen.connection].map((one) => one.bytes);
  for (const count of [...bytes, seen.grpc.messages * 1000, seen.direct.messages * 1000]) {
    expect(count).toBeGreaterThan(0);
    expect(count).toBeLessThan(20_000);
  }
  await back();
  if (back !== stays) await passes();
});
