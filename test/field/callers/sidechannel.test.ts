// Gitaly's sidechannel beside gRPC on one port, from sidecar to sidecar: `tcp` carries both; on the port of a `grpc` service what is no
// HTTP ends at once. The control is Gitaly's stand-in without the wall.
import { connect as connectHttp2 } from 'node:http2';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { SpiffeId } from '../../../src/model/spiffe-id.ts';
import type { ServiceKey } from '../../../src/policy/ir.ts';
import { portKey } from '../../../src/policy/ports.ts';
import { exchange, statusOf } from '../../support/exchange.ts';
import { figure } from '../../support/figure.ts';
import { askSidechannel, type Gitaly, startGitalyStandIn } from '../../support/gitaly-stand-in.ts';
import { hear } from '../../support/hear.ts';
import { type RecordingHttp, startRecordingHttp } from '../../support/recording-http.ts';
import { meshOf } from '../../support/resolve-text.ts';
import { createTestCa, type TestCa } from '../../support/test-ca.ts';
import { startTranslatedProxy, type TranslatedProxy } from '../../support/translated-proxy.ts';
import { idOf, meshDocument, policyDocument, serviceDocument } from '../../translate/mesh-text.ts';

let ca: TestCa;
let gitaly: Gitaly;
let http: RecordingHttp;

beforeAll(async () => {
  ca = await createTestCa('mesh root');
  gitaly = await startGitalyStandIn();
  http = await startRecordingHttp();
});
afterAll(async () => {
  await gitaly.stop();
  await http.stop();
});

/** One unary call; the status of gRPC. */
function callGrpc(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    session.on('error', reject);
    const request = session.request({
      ':method': 'POST',
      ':path': '/gitaly.CommitService/ListCommits',
      'content-type': 'application/grpc',
      te: 'trailers',
      client_name: 'gitlab-web',
    });
    let status = '';
    request.on('response', (headers) => {
      status = String(headers['grpc-status'] ?? '');
    });
    request.on('trailers', (trailers) => {
      status = String(trailers['grpc-status']);
    });
    request.on('error', reject);
    request.on('close', () => {
      session.close();
      resolve(status);
    });
    request.resume();
    request.end(Buffer.from([0, 0, 0, 0, 0]));
  });
}

interface Wall {
  /** Of the caller's sidecar. */
  readonly port: number;
  readonly caller: TranslatedProxy;
  stop(): Promise<void>;
}

async function startWall(protocol: string, application: { address: string; port: number }): Promise<Wall> {
  const [target, from] = ['cell-1/gitaly' as ServiceKey, 'cell-1/web' as ServiceKey];
  const mesh = meshOf(
    [
      meshDocument('strict'),
      serviceDocument('gitaly', 'cell-1', `{protocol: ${protocol}}`),
      serviceDocument('web', 'cell-1', '{protocol: http1, dependsOn: [{service: gitaly, listen: 15001}]}'),
      policyDocument(
        'gitaly',
        'cell-1',
        '{target: {service: gitaly}, action: allow, rules: [{from: [{service: web}]}]}',
      ),
    ].join(''),
  );
  const web = mesh.services.get(from);
  if (web === undefined) throw new Error('no web');
  const services = new Map(mesh.services).set(from, {
    ...web,
    dependsOn: web.dependsOn.map((one) => ({ ...one, listen: 0 })),
  });
  const bundles = { roots: ca.root, legacyAnchors: new Map<string, string>() };
  const service = await startTranslatedProxy(
    { mesh, endpoints: new Map(), bundles },
    {
      spiffeId: idOf('gitaly', 'cell-1') as SpiffeId,
      service: target,
      ports: [{ name: 'default', inbound: { address: '127.0.0.1', port: 0 }, application }],
    },
    await ca.issue({ uri: idOf('gitaly', 'cell-1') }),
  );
  const port = await service.envoy.port('inbound');
  const caller = await startTranslatedProxy(
    {
      mesh: { ...mesh, services },
      endpoints: new Map([[portKey(target, 'default'), [{ address: '127.0.0.1', port }]]]),
      bundles,
    },
    { spiffeId: web.spiffeId, service: from },
    await ca.issue({ uri: idOf('web', 'cell-1') }),
  );
  return {
    port: await caller.envoy.port(`outbound:${target}`),
    caller,
    async stop() {
      await caller.stop();
      await service.stop();
    },
  };
}

test('without the wall both are served on one port', async () => {
  expect(await callGrpc(gitaly.port)).toBe('0');
  expect(await askSidechannel(gitaly.port, 'pack')).toBe('pack');
});

test('as tcp both pass, together and many at once', async () => {
  const wall = await startWall('tcp', gitaly);
  try {
    await vi.waitFor(async () => expect(await callGrpc(wall.port)).toBe('0'), { timeout: 10_000 });
    const pack = 'x'.repeat(200_000);
    const all = await Promise.all(
      Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? callGrpc(wall.port) : askSidechannel(wall.port, pack))),
    );
    const failed = all.filter((answer, i) => answer !== (i % 2 === 0 ? '0' : pack)).length;
    expect(failed).toBe(0);
    figure('failedOf40', failed);
  } finally {
    await wall.stop();
  }
}, 30_000);

describe.each(['grpc', 'http1'])('the port of a service of %s', (protocol) => {
  let wall: Wall;
  beforeAll(async () => {
    wall = await startWall(protocol, protocol === 'grpc' ? gitaly : http);
    await vi.waitFor(
      async () =>
        protocol === 'grpc'
          ? expect(await callGrpc(wall.port)).toBe('0')
          : expect(statusOf(await exchange({ port: wall.port, bytes: get() }))).toBe(200),
      { timeout: 10_000 },
    );
  });
  afterAll(() => wall?.stop());

  test.each([
    ["Gitaly's sidechannel", 'backchannel\0\0\0\x01\0\0\0\x01\0\0\0\x04pack'],
    ['a client hello', '\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00'],
    ['Redis', '*1\r\n$4\r\nPING\r\n'],
    ['PostgreSQL', '\0\0\0\x08\x04\xd2\x16\x2f'],
    ['zeros', '\0'.repeat(64)],
  ])('ends at once, and tells, what is no HTTP: %s', async (_what, bytes) => {
    const told = (): number => unmatched(wall.caller);
    const before = told();
    const begin = performance.now();
    expect(await hear({ port: wall.port, say: bytes })).toMatch(/^(HTTP\/1\.1 40[08] |$)/);
    expect(performance.now() - begin).toBeLessThan(900);
    await vi.waitFor(() => expect(told()).toBe(before + 1), { timeout: 10_000 });
  });

  test('takes who is slow to speak, and the preface in pieces', async () => {
    if (protocol !== 'grpc') return expect(statusOf(await exchange({ port: wall.port, bytes: get() }))).toBe(200);
    expect(await callGrpc(wall.port)).toBe('0');
  });
});

const get = (line = 'GET / HTTP/1.1'): string => `${line}\r\nHost: a\r\nConnection: close\r\n\r\n`;

test('HTTP in every form passes the port of a service of http1', async () => {
  const wall = await startWall('http1', http);
  try {
    await vi.waitFor(async () => expect(statusOf(await exchange({ port: wall.port, bytes: get() }))).toBe(200), {
      timeout: 10_000,
    });
    for (const line of [
      'GET / HTTP/1.0',
      'PROPFIND /x HTTP/1.1',
      'OPTIONS /x HTTP/1.1',
      'GET http://a/x HTTP/1.1',
      `GET /${'x'.repeat(12_000)} HTTP/1.1`,
      // What the proxy does not know as HTTP by its first bytes, and is.
      '\r\nGET / HTTP/1.1',
      '\r\nPOST /x HTTP/1.0',
    ]) {
      http.take();
      const status = statusOf(await exchange({ port: wall.port, bytes: get(line) }));
      expect([line.slice(0, 40), status]).toEqual([line.slice(0, 40), 200]);
    }
    const answer = await exchange({ port: wall.port, bytes: get('GET /caf\xc3\xa9 HTTP/1.1') });
    expect(statusOf(answer)).toBe(400);
    expect(answer).toMatch(/answered by the caller's own sidecar; request id [0-9a-f-]{36}/);
  } finally {
    await wall.stop();
  }
}, 30_000);

/** Connections that the caller's own sidecar found to be no HTTP. */
function unmatched({ ads }: TranslatedProxy): number {
  return ads.logs
    .filter(({ logName }) => logName === 'outbound/cell-1/gitaly/odd')
    .reduce((sum, { message }) => sum + (message.logEntries.value?.logEntry.length ?? 0), 0);
}
