// Names in a certificate of an old CA, made so that what Envoy writes of them reads as somebody else's identity. The control is a
// route that forwards all that Envoy says, as one would by hand.
import { X509Certificate } from 'node:crypto';
import { clone, create } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type RouteConfiguration, RouteConfigurationSchema } from '#gen/envoy/config/route/v3/route_pb.js';
import { constrainCa } from '../../../src/identity/legacy/constrain.ts';
import type { SpiffeId } from '../../../src/model/spiffe-id.ts';
import type { ServiceKey } from '../../../src/policy/ir.ts';
import { portOf } from '../../../src/policy/ports.ts';
import { inboundRoutes } from '../../../src/translate/inbound/inbound-routes.ts';
import { xfccHeader } from '../../../src/translate/names.ts';
import { exchange, statusOf } from '../../support/exchange.ts';
import { figure } from '../../support/figure.ts';
import { type RecordingHttp, startRecordingHttp } from '../../support/recording-http.ts';
import { meshOf } from '../../support/resolve-text.ts';
import { createTestCa, type TestCa, type TestCertificateOptions } from '../../support/test-ca.ts';
import { startTranslatedProxy, type TranslatedProxy } from '../../support/translated-proxy.ts';
import { idOf, meshDocument, serviceDocument, trustDomain } from '../../translate/mesh-text.ts';

const victim = idOf('web', 'cell-1');
const mesh = (legacy: string, headers: string) =>
  meshOf(
    [
      meshDocument('permissive', legacy),
      serviceDocument(
        'api',
        'cell-1',
        `{protocol: http1, identityHeaders: ${headers}, mtls: {mode: permissive, legacyAuthority: old}}`,
      ),
    ].join(''),
  );

let ca: TestCa;
let legacy: TestCa;
let application: RecordingHttp;

beforeAll(async () => {
  ca = await createTestCa('mesh root');
  legacy = await createTestCa('legacy root');
  application = await startRecordingHttp();
});

afterAll(() => application.stop());

const forged: readonly (readonly [what: string, certificate: TestCertificateOptions])[] = [
  ['a DNS name with a URI behind a ";"', { dns: [`a;URI=${victim}`] }],
  ['a DNS name with a whole element behind a ","', { dns: [`a,By=x;URI=${victim}`] }],
  ['a DNS name with quotes', { dns: [`a";URI="${victim}`] }],
  ['a second DNS name', { dns: ['a.test', `b;URI=${victim}`] }],
  ['a URI of another domain with ours behind a ";"', { uri: `spiffe://td2/x;URI=${victim}` }],
  ['a URI of another domain with quotes', { uri: `spiffe://td2/x";URI="${victim}` }],
  ['a subject with a ";"', { dns: ['a.test'], subject: `CN=a\\;URI=${victim}` }],
  ['a subject with quotes', { dns: ['a.test'], subject: `CN=a\\"\\;URI=${victim}\\;X=\\"` }],
  ['a subject with a ","', { dns: ['a.test'], subject: `CN=a\\,URI=${victim}` }],
  ['a plain one', { dns: ['a.test'] }],
];

describe.each([
  ['with XFCC', '{xfcc: true}'],
  ['with XFCC alone', '{xfcc: true, peerId: false}'],
  ['with XFCC and the subject DN', '{xfcc: true, subjectDn: true}'],
  ['without XFCC', '{xfcc: false}'],
])('%s', (_what, headers) => {
  let proxy: TranslatedProxy;
  let port: number;

  beforeAll(async () => {
    const anchors = new Map([['old', constrainCa(new X509Certificate(legacy.root).raw, trustDomain)]]);
    proxy = await startTranslatedProxy(
      {
        mesh: mesh(legacy.root, headers),
        endpoints: new Map(),
        bundles: { roots: ca.root, legacyAnchors: anchors },
      },
      {
        spiffeId: idOf('api', 'cell-1') as SpiffeId,
        service: 'cell-1/api' as ServiceKey,
        ports: [{ name: 'default', inbound: { address: '127.0.0.1', port: 0 }, application }],
      },
      await ca.issue({ uri: idOf('api', 'cell-1') }),
    );
    port = await proxy.envoy.port('inbound');
    await vi.waitFor(async () => expect(statusOf(await call())).toBe(200), { timeout: 10_000 });
    application.take();
  });
  afterAll(() => proxy.stop());

  const call = (tls?: { certificate: string; key: string }): Promise<string> =>
    exchange({ port, bytes: 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', ...(tls && { tls }) });

  test.each(forged)('nothing of an old certificate is forwarded: %s', async (_name, options) => {
    expect(statusOf(await call(await legacy.issue(options)))).toBe(200);
    const [seen] = application.take();
    expect(Object.entries(seen?.headers ?? {}).filter(([, value]) => String(value).includes('spiffe:'))).toEqual([]);
    expect(seen?.headers[xfccHeader]).toBeUndefined();
  });

  test('a caller of the mesh is told as before', async () => {
    expect(statusOf(await call(await ca.issue({ uri: victim })))).toBe(200);
    const [seen] = application.take();
    if (headers.includes('xfcc: true')) expect(seen?.headers[xfccHeader]).toContain(`;URI=${victim}`);
    else expect(seen?.headers[xfccHeader]).toBeUndefined();
  });
});

test('the control: a route that forwards what Envoy says hands on the forged name', async () => {
  const anchors = new Map([['old', constrainCa(new X509Certificate(legacy.root).raw, trustDomain)]]);
  const ir = mesh(legacy.root, '{xfcc: true}');
  const proxy = await startTranslatedProxy(
    { mesh: ir, endpoints: new Map(), bundles: { roots: ca.root, legacyAnchors: anchors } },
    {
      spiffeId: idOf('api', 'cell-1') as SpiffeId,
      service: 'cell-1/api' as ServiceKey,
      ports: [{ name: 'default', inbound: { address: '127.0.0.1', port: 0 }, application }],
    },
    await ca.issue({ uri: idOf('api', 'cell-1') }),
    [],
    (resources) =>
      resources.map((one) =>
        one.message.$typeName === RouteConfigurationSchema.typeName ? { ...one, message: forwardingAll(ir) } : one,
      ),
  );
  try {
    const port = await proxy.envoy.port('inbound');
    const tls = await legacy.issue({ dns: [`a;URI=${victim}`] });
    await vi.waitFor(
      async () => {
        const bytes = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
        expect(statusOf(await exchange({ port, bytes, tls }))).toBe(200);
      },
      { timeout: 10_000 },
    );
    expect(application.take().at(-1)?.headers[xfccHeader]).toContain(`;URI=${victim}`);
    figure('forgedNames', forged.length - 1);
  } finally {
    await proxy.stop();
  }
});

function forwardingAll(ir: ReturnType<typeof mesh>): RouteConfiguration {
  const service = portOf(ir, 'cell-1/api' as ServiceKey);
  if (service === undefined) throw new Error('no api');
  const routes = clone(RouteConfigurationSchema, inboundRoutes(service, ir));
  for (const { routes: list } of routes.virtualHosts) for (const route of list) route.requestHeadersToRemove = [];
  return create(RouteConfigurationSchema, routes);
}
