// What translate makes, on two real Envoys: who gets through the wall, and what the application is told of them.

import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { constrainCa } from '../../src/identity/legacy/constrain.ts';
import { parseSpiffeId, type SpiffeId } from '../../src/model/spiffe-id.ts';
import type { MeshIr, ServiceKey } from '../../src/policy/ir.ts';
import { portKey } from '../../src/policy/ports.ts';
import type { Bundles } from '../../src/translate/proxy.ts';
import { type EchoApplication, type EchoedRequest, startHttp1Echo } from '../support/echo-application.ts';
import { type HttpAnswer, httpCall } from '../support/http-call.ts';
import { meshOf } from '../support/resolve-text.ts';
import { createTestCa, type TestCa, type TestCertificate } from '../support/test-ca.ts';
import { startTranslatedProxy, type TranslatedProxy } from '../support/translated-proxy.ts';
import { idOf, meshDocument, policyDocument, serviceDocument, trustDomain } from './mesh-text.ts';

const api = 'cell-1/api' as ServiceKey;
const web = 'cell-1/web' as ServiceKey;

let ca: TestCa;
let legacyCa: TestCa;
let strangerCa: TestCa;
let application: EchoApplication;

beforeAll(async () => {
  ca = await createTestCa('mesh root');
  legacyCa = await createTestCa('legacy root');
  strangerCa = await createTestCa('stranger');
  application = await startHttp1Echo();
});

afterAll(() => application.stop());

function spiffeId(text: string): SpiffeId {
  const id = parseSpiffeId(text);
  if (id === undefined) throw new Error(`not a SPIFFE ID: ${text}`);
  return id;
}

const policies = [
  policyDocument(
    'api',
    'cell-1',
    `
  target: {service: api}
  action: allow
  rules:
  - from: [{service: web}]
  - from: [{spiffeId: "spiffe://${trustDomain}/edge/router"}]
    to: [{methods: [GET], path: {prefix: /public}}, {methods: [GET], path: {template: "/items/{id}/name"}}]`,
  ),
  policyDocument(
    'api-admin',
    'cell-1',
    `
  target: {service: api}
  action: deny
  rules:
  - from: [{everyone: true}]
    to: [{path: {prefix: /admin}}]`,
  ),
].join('');

function meshText(mode: 'strict' | 'permissive', extra: string): string {
  return [
    meshDocument(mode, mode === 'permissive' ? legacyCa.root : undefined),
    serviceDocument(
      'api',
      'cell-1',
      `
  protocol: http1
  health: {path: /healthz}
  mtls: {mode: ${mode}${mode === 'permissive' ? ', legacyAuthority: old' : ''}}`,
    ),
    serviceDocument('web', 'cell-1', '{protocol: http1, dependsOn: [{service: api, listen: 15001}]}'),
    serviceDocument('web', 'cell-10', '{protocol: http1, dependsOn: [{service: cell-1/api, listen: 15001}]}'),
    policies,
    extra,
  ].join('');
}

function bundles(): Bundles {
  return {
    roots: ca.root,
    legacyAnchors: new Map([['old', constrainCa(new X509Certificate(legacyCa.root).raw, trustDomain)]]),
  };
}

function startApi(mesh: MeshIr, svid: TestCertificate, port = 0): Promise<TranslatedProxy> {
  return startTranslatedProxy(
    { mesh, endpoints: new Map(), bundles: bundles() },
    {
      spiffeId: spiffeId(idOf('api', 'cell-1')),
      service: api,
      ports: [{ name: 'default', inbound: { address: '127.0.0.1', port }, application }],
    },
    svid,
  );
}

function echoed({ status, body }: HttpAnswer): EchoedRequest {
  if (status !== 200) throw new Error(`status ${status}: ${body}`);
  return JSON.parse(body) as EchoedRequest;
}

const refused = 'refused in the handshake';

/** A status, or that there was none. */
async function outcome(call: Parameters<typeof httpCall>[0]): Promise<number | typeof refused> {
  try {
    return (await httpCall(call)).status;
  } catch {
    return refused;
  }
}

describe('strict', () => {
  let proxy: TranslatedProxy;
  let port: number;
  let webSvid: TestCertificate;
  let router: TestCertificate;

  beforeAll(async () => {
    webSvid = await ca.issue({ uri: idOf('web', 'cell-1') });
    router = await ca.issue({ uri: `spiffe://${trustDomain}/edge/router` });
    proxy = await startApi(meshOf(meshText('strict', '')), await ca.issue({ uri: idOf('api', 'cell-1') }));
    port = await proxy.envoy.port('inbound');
    await vi.waitFor(async () => expect(await outcome({ port, tls: webSvid })).toBe(200), { timeout: 10_000 });
  });

  afterAll(() => proxy.stop());

  test('accepts everything it is given', () => {
    expect(proxy.ads.nacks).toEqual([]);
  });

  test('tells the application who calls, and nothing that the caller says of itself', async () => {
    const { headers } = echoed(
      await httpCall({
        port,
        tls: webSvid,
        headers: {
          'x-cellwall-peer-id': idOf('admin', 'cell-1'),
          'X-Cellwall-Other': 'forged',
          'x-forwarded-client-cert': `URI=${idOf('admin', 'cell-1')}`,
          'x-envoy-retry-on': '5xx',
        },
      }),
    );
    expect(headers['x-cellwall-peer-id']).toBe(idOf('web', 'cell-1'));
    expect(headers['x-cellwall-other']).toBeUndefined();
    expect(headers['x-envoy-retry-on']).toBeUndefined();
    expect(headers['x-forwarded-client-cert']).toContain(`URI=${idOf('web', 'cell-1')}`);
    expect(headers['x-forwarded-client-cert']).not.toContain('admin');
  });

  test('lets headers with underscores pass, and none that an application could take for one of the wall', async () => {
    const { headers } = echoed(
      await httpCall({ port, tls: webSvid, headers: { x_cellwall_peer_id: 'x', client_name: 'a' } }),
    );
    expect(headers['x_cellwall_peer_id']).toBeUndefined();
    expect(headers['client_name']).toBe('a');
  });

  test.each([
    ['a sibling of the same name in cell-10', idOf('web', 'cell-10')],
    ['a name that begins alike', idOf('web-2', 'cell-1')],
    ['an unknown identity', `spiffe://${trustDomain}/x`],
  ])('refuses %s', async (_what, uri) => {
    expect(await outcome({ port, tls: await ca.issue({ uri }) })).toBe(403);
  });

  test('refuses plaintext, one-way TLS, legacy, foreign and nameless certificates before any request', async () => {
    expect(await outcome({ port })).toBe(403);
    expect(await outcome({ port, tls: {} })).toBe(refused);
    expect(await outcome({ port, tls: await legacyCa.issue({ dns: ['web'] }) })).toBe(refused);
    expect(await outcome({ port, tls: await strangerCa.issue({ uri: idOf('web', 'cell-1') }) })).toBe(refused);
    expect(await outcome({ port, tls: await ca.issue({ dns: ['web'] }) })).toBe(refused);
    expect(await outcome({ port, tls: await ca.issue({ uri: 'spiffe://td2/web' }) })).toBe(refused);
  });

  test('opens the health path, and only it, to probes without a certificate', async () => {
    const { headers } = echoed(
      await httpCall({
        port,
        path: '/healthz',
        headers: { 'x-cellwall-peer-id': 'forged', 'x-forwarded-client-cert': 'forged' },
      }),
    );
    expect(headers['x-cellwall-peer-id']).toBeUndefined();
    expect(headers['x-forwarded-client-cert']).toBeUndefined();
    for (const path of ['/', '/healthz/', '/healthz/x', '/healthzz', '/healthz%2f', '/healthz;x', '/public']) {
      expect([path, await outcome({ port, path })]).toEqual([path, path.includes('%2f') ? 400 : 403]);
    }
    expect(await outcome({ port, path: '/healthz', method: 'POST' })).toBe(403);
    expect(await outcome({ port, path: '/healthz', tls: await ca.issue({ uri: `spiffe://${trustDomain}/x` }) })).toBe(
      200,
    );
  });

  test.each([
    ['GET', '/public', 200],
    ['GET', '/public/', 200],
    ['GET', '/public/a?b', 200],
    ['GET', '/publicx', 403],
    ['GET', '/PUBLIC', 403],
    ['POST', '/public', 403],
    ['GET', '/items/5/name', 200],
    ['GET', '/items/a=b@c!$%20%C3%A9/name', 200],
    ['GET', '/items//name', 403],
    ['GET', '/items/5/name/', 403],
    ['GET', '/items/5/6/name', 403],
    ['GET', '/items/5/namex', 403],
    ['GET', '/public/../items', 403],
    ['GET', '/x/../public', 200],
  ])('by path: %s %s is %i', async (method, path, status) => {
    expect(await outcome({ port, tls: router, method, path })).toBe(status);
  });

  test.each([
    ['/admin', 403],
    ['/admin/x', 403],
    ['//admin', 403],
    ['/./admin', 403],
    ['/x/../admin', 403],
    ['/%61dmin', 403],
    ['/admin%2fx', 400],
    ['/admin%5cx', 400],
    ['/admin\\x', 403],
    ['/admin;x', 403],
    ['/x;y/admin', 403],
    ['/adminx', 200],
    ['/x/admin', 200],
    ['/x?path=/admin;x', 200],
  ])('a deny of a path is not escaped: %s is %i', async (path, status) => {
    expect(await outcome({ port, tls: webSvid, path })).toBe(status);
  });

  test('logs who called, and failed handshakes, to the control plane', async () => {
    await outcome({ port, tls: {} });
    const names = (): ReadonlySet<string> => new Set(proxy.ads.logs.map((log) => log.logName));
    await expect
      .poll(() => [...names()].sort(), { timeout: 10_000 })
      .toEqual(['inbound/cell-1/api/health', 'inbound/cell-1/api/listener', 'inbound/cell-1/api/mtls']);
    const failed = proxy.ads.logs.flatMap(({ logName, message }) =>
      logName.endsWith('/listener') && message.logEntries.case === 'tcpLogs'
        ? message.logEntries.value.logEntry.filter(
            (entry) => entry.commonProperties?.downstreamTransportFailureReason !== '',
          )
        : [],
    );
    expect(failed.length).toBeGreaterThan(0);
  });
});

describe('permissive', () => {
  let proxy: TranslatedProxy;
  let port: number;
  let webSvid: TestCertificate;

  beforeAll(async () => {
    webSvid = await ca.issue({ uri: idOf('web', 'cell-1') });
    const anonymous = policyDocument(
      'anyone',
      'cell-1',
      `
  target: {service: api}
  action: allow
  rules:
  - from: [{anonymous: true}]
    to: [{path: {prefix: /old}}]`,
    );
    proxy = await startApi(meshOf(meshText('permissive', anonymous)), await ca.issue({ uri: idOf('api', 'cell-1') }));
    port = await proxy.envoy.port('inbound');
    await vi.waitFor(async () => expect(await outcome({ port, tls: webSvid })).toBe(200), { timeout: 10_000 });
  });

  afterAll(() => proxy.stop());

  test('accepts everything it is given', () => {
    expect(proxy.ads.nacks).toEqual([]);
  });

  test('takes plaintext, one-way TLS and legacy certificates as anonymous, under the same policies', async () => {
    const foreign = await legacyCa.issue({ uri: 'spiffe://td2/x' });
    const ways = {
      plaintext: undefined,
      oneWay: {},
      legacy: await legacyCa.issue({ dns: ['old-client'] }),
      foreignUri: foreign,
    };
    for (const [way, tls] of Object.entries(ways)) {
      const call = { port, headers: { 'x-cellwall-peer-id': idOf('web', 'cell-1') }, ...(tls && { tls }) };
      const { headers } = echoed(await httpCall({ ...call, path: '/old/x' }));
      expect([way, headers['x-cellwall-peer-id']]).toEqual([way, undefined]);
      expect([way, await outcome({ ...call, path: '/' })]).toEqual([way, 403]);
      expect([way, await outcome({ ...call, path: '/healthz' })]).toEqual([way, 200]);
    }
  });

  test('an SVID is itself, and not anonymous', async () => {
    const { headers } = echoed(await httpCall({ port, tls: webSvid, path: '/x' }));
    expect(headers['x-cellwall-peer-id']).toBe(idOf('web', 'cell-1'));
    const unknown = await ca.issue({ uri: `spiffe://${trustDomain}/x` });
    expect(await outcome({ port, tls: unknown, path: '/old' })).toBe(403);
  });

  test('a legacy authority cannot make an identity of the mesh', async () => {
    expect(await outcome({ port, tls: await legacyCa.issue({ uri: idOf('web', 'cell-1') }) })).toBe(refused);
    expect(await outcome({ port, tls: await strangerCa.issue({ uri: idOf('web', 'cell-1') }) })).toBe(refused);
  });

  test('follows a change of policy without a new connection', async () => {
    const open = policyDocument(
      'open',
      'cell-1',
      '{target: {service: api}, action: allow, rules: [{from: [{everyone: true}]}]}',
    );
    proxy.update({ mesh: meshOf(meshText('permissive', open)), endpoints: new Map(), bundles: bundles() });
    await expect.poll(() => outcome({ port, path: '/x' }), { timeout: 10_000 }).toBe(200);
    expect(await outcome({ port, path: '/admin' })).toBe(403);
    expect(proxy.ads.nacks).toEqual([]);
  });
});

describe('from sidecar to sidecar', () => {
  test('an application reaches a dependency by its loopback port, and no other service answers for it', async () => {
    const mesh = meshOf(meshText('strict', ''));
    const server = await startApi(mesh, await ca.issue({ uri: idOf('api', 'cell-1') }));
    const port = await server.envoy.port('inbound');
    const service = mesh.services.get(web);
    if (service === undefined) throw new Error('no web');
    // A free port, where a document would name one.
    const callerMesh: MeshIr = {
      ...mesh,
      services: new Map(mesh.services).set(web, {
        ...service,
        dependsOn: service.dependsOn.map((dependency) => ({ ...dependency, listen: 0 })),
      }),
    };
    const endpoints = new Map([[portKey(api, 'default'), [{ address: '127.0.0.1', port, cell: 'cell-1' }]]]);
    const caller = await startTranslatedProxy(
      { mesh: callerMesh, endpoints, bundles: bundles() },
      { spiffeId: service.spiffeId, service: web },
      await ca.issue({ uri: idOf('web', 'cell-1') }),
    );
    const webSvid = await ca.issue({ uri: idOf('web', 'cell-1') });
    let impostor: TranslatedProxy | undefined;
    try {
      const loopback = await caller.envoy.port(`outbound:${api}`);
      await expect.poll(() => outcome({ port: loopback }), { timeout: 10_000 }).toBe(200);
      const { headers } = echoed(await httpCall({ port: loopback, headers: { 'x-cellwall-peer-id': 'forged' } }));
      expect(headers['x-cellwall-peer-id']).toBe(idOf('web', 'cell-1'));
      expect(caller.ads.nacks).toEqual([]);
      expect(server.ads.nacks).toEqual([]);
      await server.stop();
      // Another identity of the mesh at the same address: its SVID is good, its name is not.
      impostor = await startApi(mesh, await ca.issue({ uri: idOf('api', 'cell-10') }), port);
      await vi.waitFor(async () => expect(await outcome({ port, tls: webSvid })).toBe(200), { timeout: 10_000 });
      expect(await outcome({ port: loopback })).toBe(503);
      const stats = await (await fetch(`${caller.envoy.admin}/stats?filter=ssl.fail_verify_san`)).text();
      expect(stats).toMatch(/fail_verify_san: [1-9]/);
    } finally {
      await caller.stop();
      await server.stop();
      await impostor?.stop();
    }
  });
});
