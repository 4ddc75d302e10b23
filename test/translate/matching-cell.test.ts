// `matchingCell` on a real Envoy: whatever a caller writes into its request, it gets no further than its own cell.
import { type ClientHttp2Session, connect, createServer, type Http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { SpiffeId } from '../../src/model/spiffe-id.ts';
import type { ServiceKey } from '../../src/policy/ir.ts';
import { lint } from '../../src/translate/linter.ts';
import type { ProxyShape } from '../../src/translate/proxy.ts';
import { translate } from '../../src/translate/translate.ts';
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
let shape: ProxyShape;
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
  shape = {
    spiffeId: mesh.services.get(topology)?.spiffeId ?? ('' as SpiffeId),
    service: topology,
    ports: [
      {
        name: 'default',
        inbound: { address: '127.0.0.1', port: 0 },
        application: { address: '127.0.0.1', port: (backend.address() as AddressInfo).port },
      },
    ],
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

/** As applications read it: another wire type is an unknown field, the last of several counts (Protocol Buffers, Encoding). */
function statedCell(message: Uint8Array): bigint | 'unreadable' {
  const reader = new BinaryReader(message);
  let stated = 0n;
  try {
    while (reader.pos < reader.len) {
      const [number, type] = reader.tag();
      if (number === 3 && type === WireType.Varint) stated = BigInt(reader.int64());
      else reader.skip(type, number);
    }
    return stated;
  } catch {
    return 'unreadable';
  }
}

test('the linter has nothing to say, and Envoy accepted it', () => {
  const resources = translate(mesh, new Map(), { roots: ca.root, legacyAnchors: new Map() }, shape);
  expect(lint(resources)).toEqual([]);
  expect(proxy.ads.nacks).toEqual([]);
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
    ['another, then its own', frame(Buffer.concat([field(3, 2), field(3, 1)]))],
    ['its own twice', frame(Buffer.concat([field(3, 1), field(3, 1)]))],
    [
      'another, then its own under an overlong tag',
      frame(Buffer.concat([field(3, 2), Buffer.from([0x98, 0x80, 0x00, 1])])),
    ],
    ['its own, then a group that never ends', frame(Buffer.concat([field(3, 1), Buffer.from([0x2b])]))],
    ['its own, then the tag 0 and another', frame(Buffer.concat([field(3, 1), Buffer.from([0]), field(3, 2)]))],
    ['its own, then a field cut off', frame(Buffer.concat([field(3, 1), Buffer.from([0x12, 5, 0x41])]))],
    ['its own within a group', frame(Buffer.from([0x2b, 0x18, 1, 0x2c]))],
    ['compressed, its own', frame(gzipSync(field(3, 1)), true)],
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

  test('what a server may undo before it reads is refused', async () => {
    for (const encoding of ['deflate', 'br', 'gzip', 'identity, deflate']) {
      expect(await call('cell-1', 'Begin', frame(field(3, 1)), { 'content-encoding': encoding })).not.toBe(passes);
    }
  });

  test('whatever bytes: what passes says its own number to a parser of the application, too', {
    timeout: 60_000,
  }, async () => {
    const piece = fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(1, 2, 10).map((number) => field(3, number)) },
      fc.constantFrom(1n, 2n).map((number) => fixed64Field(3, number)),
      fc.constantFrom('1', '2', '\x01').map((text) => bytesField(3, text)),
      fc
        .constantFrom(
          [0x1d, 1, 0, 0, 0],
          [0x98, 0x80, 0, 1],
          [0x1b],
          [0x1c],
          [0x2b],
          [0x2c],
          [0],
          [0x18],
          [0x18, 0x81, 0],
        )
        .map((one) => Buffer.from(one)),
      fc.uint8Array({ maxLength: 5 }).map((bytes) => bytesField(2, Buffer.from(bytes))),
      fc.uint8Array({ maxLength: 3 }).map((bytes) => Buffer.from(bytes)),
    );
    let passed = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 4 }), async (pieces) => {
        const message = Buffer.concat(pieces);
        if ((await call('cell-1', 'Begin', frame(message))) !== passes) return;
        passed++;
        expect([1n, 'unreadable']).toContain(statedCell(message));
      }),
      { numRuns: 400 },
    );
    expect(passed).toBeGreaterThan(10);
  });

  test('a message of up to four megabytes passes', async () => {
    const large = Buffer.concat([bytesField(1, Buffer.alloc(3_000_000)), field(3, 1)]);
    expect(await call('cell-1', 'Begin', frame(large))).toBe(passes);
    expect(await call('cell-2', 'Begin', frame(large))).not.toBe(passes);
    for (const bytes of [4_300_000, 9_000_000]) {
      const larger = Buffer.concat([bytesField(1, Buffer.alloc(bytes)), field(3, 1)]);
      expect(await call('cell-1', 'Begin', frame(larger))).not.toBe(passes);
      expect(await call('cell-1', 'Get', frame(larger))).toBe(passes);
    }
  });

  test('callers without the rule are not asked for a number', async () => {
    expect(await call('admin', 'Begin', frame(field(3, 7)))).toBe(passes);
    expect(await call('cell-1', 'Get', frame(field(1, 7)))).toBe(passes);
    expect(await call('stranger', 'Begin', frame(field(3, 1)))).not.toBe(passes);
  });
});
