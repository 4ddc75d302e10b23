// `matchingCell` on a real Envoy: whatever a caller writes into its request, it gets no further than its own cell.
import { type ClientHttp2Session, connect, createServer, type Http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { SpiffeId } from '../../src/model/spiffe-id.ts';
import type { ServiceKey } from '../../src/policy/ir.ts';
import { extensionRegistry } from '../../src/translate/lint/registry.ts';
import { lint } from '../../src/translate/linter.ts';
import { descriptorSet } from '../support/descriptor-set.ts';
import { bytesField, field, fixed64Field, frame } from '../support/proto-bytes.ts';
import { cellText, meshOf, meshText, policyText, serviceText, workloadText, yaml } from '../support/resolve-text.ts';
import { createTestCa, type TestCa } from '../support/test-ca.ts';
import { startTranslatedProxy, type TranslatedProxy } from '../support/translated-proxy.ts';

const descriptors = Buffer.from(
  descriptorSet('pkg.Claims', [
    { name: 'Begin', fields: [{ name: 'cell_id', number: 3 }] },
    { name: 'Unsigned', fields: [{ name: 'cell_id', number: 3, type: 'UINT64' }] },
    { name: 'Text', fields: [{ name: 'cell_id', number: 3, type: 'STRING' }] },
    { name: 'Get', fields: [{ name: 'id', number: 1 }] },
  ]),
).toString('base64');

const mesh = meshOf(
  yaml(
    meshText('strict'),
    cellText('cell-1', 1),
    cellText('cell-2', 2),
    cellText('cell-10', 10),
    ...['cell-1', 'cell-2', 'cell-10'].map((cell) => serviceText(`${cell}/gitlab`)),
    workloadText('admin', '{identity: {spiffeId: "spiffe://td1/admin"}}'),
    serviceText('topology', 'grpc', `, grpc: {descriptorSet: "${descriptors}"}`),
    policyText(
      'claims',
      'topology',
      'allow',
      `[{from: [{eachCell: gitlab}], to: [${['Begin', 'Unsigned', 'Text'].map((name) => `{grpc: pkg.Claims/${name}, matchingCell: {field: cell_id}}`).join(', ')}]},
 {from: [{spiffeId: "spiffe://td1/admin"}], to: [{grpc: pkg.Claims/*}]},
 {from: [{eachCell: gitlab}], to: [{grpc: pkg.Claims/Get}]}]`,
    ),
  ),
);
const topology = 'topology' as ServiceKey;

let ca: TestCa;
let backend: Http2Server;
let proxy: TranslatedProxy;
let port: number;
const received: Buffer[] = [];
const sessions = new Map<string, ClientHttp2Session>();

beforeAll(async () => {
  ca = await createTestCa();
  backend = createServer();
  backend.on('stream', (stream) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', () => undefined);
    stream.on('end', () => {
      received.push(Buffer.concat(chunks));
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end();
    });
  });
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
  const inputs = { mesh, endpoints: new Map(), bundles: { roots: ca.root, legacyAnchors: new Map() } };
  const shape = {
    spiffeId: mesh.services.get(topology)?.spiffeId ?? ('' as SpiffeId),
    service: topology,
    inbound: { address: '127.0.0.1', port: 0 },
    application: { address: '127.0.0.1', port: (backend.address() as AddressInfo).port },
  };
  proxy = await startTranslatedProxy(inputs, shape, await ca.issue({ uri: shape.spiffeId }));
  port = await proxy.envoy.port('inbound');
  await vi.waitFor(async () => expect(await call('cell-1', 'Begin', frame(field(3, 1)))).toMatch(/grpc 0/), {
    timeout: 10_000,
  });
}, 30_000);

afterAll(async () => {
  for (const session of sessions.values()) session.destroy();
  await proxy.stop();
  backend.close();
});

async function sessionOf(caller: string): Promise<ClientHttp2Session> {
  const there = sessions.get(caller);
  if (there !== undefined && !there.closed && !there.destroyed) return there;
  const uri = caller.startsWith('cell') ? `spiffe://td1/cell/${caller}/service/gitlab` : `spiffe://td1/${caller}`;
  const { certificate, key } = await ca.issue({ uri });
  const session = connect(`https://127.0.0.1:${port}`, { cert: certificate, key, rejectUnauthorized: false });
  session.on('error', () => undefined);
  sessions.set(caller, session);
  return session;
}

/** What the caller saw. */
async function call(
  caller: string,
  method: string,
  body: Buffer | readonly Buffer[],
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const session = await sessionOf(caller);
  return await new Promise((resolve) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': `/pkg.Claims/${method}`,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
    let seen = '';
    let status: unknown;
    stream.on('response', (answer) => {
      seen = String(answer[':status']);
      status = answer['grpc-status'];
    });
    stream.on('trailers', (trailers) => {
      status ??= trailers['grpc-status'];
    });
    stream.on('error', (error) => resolve(`error ${error.message}`));
    stream.on('close', () => resolve(`${seen} grpc ${String(status)}`));
    stream.resume();
    const parts = Buffer.isBuffer(body) ? [body] : body;
    for (const part of parts) stream.write(part);
    stream.end();
  });
}

const passes = '200 grpc 0';

test('the linter has nothing to say, and Envoy accepted it', () => {
  expect(proxy.ads.nacks).toEqual([]);
  expect(extensionRegistry).toBeDefined();
  expect(lint([])).toEqual([]);
});

describe('unary calls of a cell', () => {
  test('pass with its own number, of every type that is read', async () => {
    expect(await call('cell-1', 'Begin', frame(field(3, 1)))).toBe(passes);
    expect(await call('cell-10', 'Begin', frame(Buffer.concat([bytesField(1, 'more'), field(3, 10)])))).toBe(passes);
    expect(await call('cell-2', 'Unsigned', frame(field(3, 2)))).toBe(passes);
    expect(await call('cell-2', 'Text', frame(bytesField(3, '2')))).toBe(passes);
    expect(await call('cell-1', 'Begin', frame(field(3, 1)), { 'content-type': 'application/grpc+proto' })).toBe(
      passes,
    );
  });

  test.each<readonly [string, Buffer | readonly Buffer[]]>([
    ["another cell's number", frame(field(3, 2))],
    ['a number that begins with its own', frame(field(3, 10))],
    ['nothing sent', Buffer.alloc(0)],
    ['an empty message', frame(Buffer.alloc(0))],
    ['the field absent', frame(bytesField(1, 'x'))],
    ['zero', frame(field(3, 0))],
    ['negative', frame(field(3, -1))],
    ['garbage', frame(Buffer.from('\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff', 'latin1'))],
    ['a field cut off', frame(Buffer.from([0x18]))],
    ['its own, then another', frame(Buffer.concat([field(3, 1), field(3, 2)]))],
    ['nested in another message', frame(bytesField(2, field(3, 1)))],
    ['as text', frame(bytesField(3, '1'))],
    ['packed', frame(bytesField(3, Buffer.from([1])))],
    ['as fixed64', frame(fixed64Field(3, 1n))],
    ['another, then its own as fixed64', frame(Buffer.concat([field(3, 2), fixed64Field(3, 1n)]))],
    ['another, then its own packed', frame(Buffer.concat([field(3, 2), bytesField(3, Buffer.from([1]))]))],
    [
      'its own beyond 64 bits',
      frame(Buffer.from([0x18, 0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01])),
    ],
    ['a message that says it is longer', Buffer.concat([Buffer.from([0, 0, 0, 0, 9]), field(3, 1)])],
    ['a first message of another', [frame(field(3, 2)), frame(field(3, 1))]],
    ['compressed, another', frame(gzipSync(field(3, 2)), true)],
  ])('refused: %s', async (_, body) => {
    expect(await call('cell-1', 'Begin', body, { 'grpc-encoding': 'gzip' })).not.toBe(passes);
    expect(await call('cell-1', 'Begin', body)).not.toBe(passes);
  });

  test('what another codec would read is refused', async () => {
    for (const type of ['application/grpc+json', 'application/grpc;a', 'application/json', 'application/grpc-web']) {
      expect(await call('cell-1', 'Begin', frame(field(3, 1)), { 'content-type': type })).not.toBe(passes);
    }
  });

  test('the last of two counts, for the proxy as for the service', async () => {
    expect(await call('cell-1', 'Begin', frame(Buffer.concat([field(3, 2), field(3, 1)])))).toBe(passes);
  });

  test('compressed: own', async () => {
    console.log(
      'gzip own',
      await call('cell-1', 'Begin', frame(gzipSync(field(3, 1)), true), { 'grpc-encoding': 'gzip' }),
    );
    console.log('two msgs', await call('cell-1', 'Begin', [frame(field(3, 1)), frame(field(3, 2))]));
    console.log(
      'big',
      await call('cell-1', 'Begin', frame(Buffer.concat([bytesField(1, Buffer.alloc(3_000_000)), field(3, 1)]))),
    );
    console.log(
      'big admin',
      await call('admin', 'Begin', frame(Buffer.concat([bytesField(1, Buffer.alloc(3_000_000)), field(3, 1)]))),
    );
    console.log('garbage admin', await call('admin', 'Begin', frame(Buffer.from([0x18]))));
    console.log(
      'gzip admin',
      await call('admin', 'Begin', frame(gzipSync(field(3, 2)), true), { 'grpc-encoding': 'gzip' }),
    );
  });

  test('callers without the rule are not asked for a number', async () => {
    expect(await call('admin', 'Begin', frame(field(3, 7)))).toBe(passes);
    expect(await call('cell-1', 'Get', frame(field(1, 7)))).toBe(passes);
    expect(await call('stranger', 'Begin', frame(field(3, 1)))).not.toBe(passes);
  });
});
