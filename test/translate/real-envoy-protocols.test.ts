// TCP, HTTP/2 and gRPC on real Envoys: the same wall, in other words.
import { X509Certificate } from 'node:crypto';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { constrainCa } from '../../src/identity/legacy/constrain.ts';
import { parseSpiffeId, type SpiffeId } from '../../src/model/spiffe-id.ts';
import type { MeshIr, ServiceKey } from '../../src/policy/ir.ts';
import { portKey } from '../../src/policy/ports.ts';
import type { Bundles } from '../../src/translate/proxy.ts';
import {
  type EchoApplication,
  type EchoedRequest,
  startGreetingTcpEcho,
  startHttp2Echo,
  startTcpEcho,
} from '../support/echo-application.ts';
import { meshOf } from '../support/resolve-text.ts';
import { createTestCa, type TestCa, type TestCertificate } from '../support/test-ca.ts';
import { startTranslatedProxy, type TranslatedProxy } from '../support/translated-proxy.ts';
import { idOf, meshDocument, policyDocument, serviceDocument, trustDomain } from './mesh-text.ts';

let ca: TestCa;
let legacyCa: TestCa;
let webSvid: TestCertificate;
let stranger: TestCertificate;

beforeAll(async () => {
  ca = await createTestCa('mesh root');
  legacyCa = await createTestCa('legacy root');
  webSvid = await ca.issue({ uri: idOf('web', 'cell-1') });
  stranger = await ca.issue({ uri: idOf('web', 'cell-10') });
});

function spiffeId(text: string): SpiffeId {
  const id = parseSpiffeId(text);
  if (id === undefined) throw new Error(`not a SPIFFE ID: ${text}`);
  return id;
}

const db = 'cell-1/db' as ServiceKey;

function meshFor(mode: 'strict' | 'permissive', protocol: string, rules: string | undefined, extra = ''): MeshIr {
  return meshOf(
    [
      meshDocument(mode, legacyCa.root),
      serviceDocument(
        'db',
        'cell-1',
        `{protocol: ${protocol}, mtls: {mode: ${mode}${mode === 'permissive' ? ', legacyAuthority: old' : ''}}}`,
      ),
      serviceDocument('web', 'cell-1', '{protocol: http1, dependsOn: [{service: db, listen: 15001}]}'),
      serviceDocument('web', 'cell-10', '{protocol: http1}'),
      rules === undefined
        ? ''
        : policyDocument('db', 'cell-1', `{target: {service: db}, action: allow, rules: [${rules}]}`),
      extra,
    ].join(''),
  );
}

function bundles(): Bundles {
  return {
    roots: ca.root,
    legacyAnchors: new Map([['old', constrainCa(new X509Certificate(legacyCa.root).raw, trustDomain)]]),
  };
}

async function startDb(mesh: MeshIr, application: EchoApplication): Promise<TranslatedProxy> {
  return startTranslatedProxy(
    { mesh, endpoints: new Map(), bundles: bundles() },
    {
      spiffeId: spiffeId(idOf('db', 'cell-1')),
      service: db,
      ports: [{ name: 'default', inbound: { address: '127.0.0.1', port: 0 }, application }],
    },
    await ca.issue({ uri: idOf('db', 'cell-1') }),
  );
}

/** A caller's sidecar whose outbound listener is on a free port. */
async function startWeb(mesh: MeshIr, port: number): Promise<TranslatedProxy> {
  const key = 'cell-1/web' as ServiceKey;
  const web = mesh.services.get(key);
  if (web === undefined) throw new Error('no web');
  const free = { ...web, dependsOn: web.dependsOn.map((one) => ({ ...one, listen: 0 })) };
  return startTranslatedProxy(
    {
      mesh: { ...mesh, services: new Map(mesh.services).set(key, free) },
      endpoints: new Map([[portKey(db, 'default'), [{ address: '127.0.0.1', port }]]]),
      bundles: bundles(),
    },
    { spiffeId: web.spiffeId, service: key },
    webSvid,
  );
}

interface Tls {
  readonly certificate?: string;
  readonly key?: string;
}

function tlsOptions({ certificate, key }: Tls) {
  return { rejectUnauthorized: false, ...(certificate && { cert: certificate }), ...(key && { key }) };
}

/** What a TCP caller that speaks first hears: its own words back, or nothing. */
function talk(port: number, tls?: Tls): Promise<string> {
  return hear(port, tls, 'ping', 'ping');
}

/** Hears until `enough`, or the end, or a second of silence. */
function hear(port: number, tls: Tls | undefined, say: string | undefined, enough: string): Promise<string> {
  return new Promise((resolve) => {
    const socket =
      tls === undefined
        ? connectTcp({ host: '127.0.0.1', port })
        : connectTls({ host: '127.0.0.1', port, ...tlsOptions(tls) });
    let heard = '';
    socket.setTimeout(1000, () => socket.destroy());
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      heard += chunk.toString();
      if (heard === enough) socket.destroy();
    });
    socket.on('close', () => resolve(heard));
    if (say !== undefined) socket.write(say);
  });
}

describe('TCP', () => {
  let application: EchoApplication;
  let greeter: EchoApplication;
  beforeAll(async () => {
    application = await startTcpEcho();
    greeter = await startGreetingTcpEcho();
  });
  afterAll(async () => {
    await application.stop();
    await greeter.stop();
  });

  test('strict: by identity, and from sidecar to sidecar', async () => {
    const mesh = meshFor('strict', 'tcp', '{from: [{service: web}]}');
    const proxy = await startDb(mesh, application);
    const port = await proxy.envoy.port('inbound');
    const caller = await startWeb(mesh, port);
    try {
      await vi.waitFor(async () => expect(await talk(port, webSvid)).toBe('ping'), { timeout: 10_000 });
      expect(await talk(port, stranger)).toBe('');
      expect(await talk(port, {})).toBe('');
      expect(await talk(port, await legacyCa.issue({ dns: ['web'] }))).toBe('');
      expect(await talk(port)).toBe('');
      const loopback = await caller.envoy.port(`outbound:${db}`);
      await vi.waitFor(async () => expect(await talk(loopback)).toBe('ping'), { timeout: 10_000 });
      expect([...proxy.ads.nacks, ...caller.ads.nacks]).toEqual([]);
    } finally {
      await caller.stop();
      await proxy.stop();
    }
  });

  test('permissive: all but SVIDs as anonymous, denies included', async () => {
    const anyone = '{from: [{service: web}, {anonymous: true}]}';
    const proxy = await startDb(meshFor('permissive', 'tcp', anyone), application);
    try {
      const port = await proxy.envoy.port('inbound');
      await vi.waitFor(async () => expect(await talk(port, webSvid)).toBe('ping'), { timeout: 10_000 });
      expect(await talk(port)).toBe('ping');
      expect(await talk(port, {})).toBe('ping');
      expect(await talk(port, await legacyCa.issue({ dns: ['web'] }))).toBe('ping');
      expect(await talk(port, stranger)).toBe('');
      const deny = policyDocument(
        'no-anonymous',
        'cell-1',
        '{target: {service: db}, action: deny, rules: [{from: [{anonymous: true}]}]}',
      );
      proxy.update({ mesh: meshFor('permissive', 'tcp', anyone, deny), endpoints: new Map(), bundles: bundles() });
      await vi.waitFor(async () => expect(await talk(port)).toBe(''), { timeout: 10_000 });
      expect(await talk(port, {})).toBe('');
      expect(await talk(port, await legacyCa.issue({ dns: ['web'] }))).toBe('');
      expect(await talk(port, webSvid)).toBe('ping');
      expect(proxy.ads.nacks).toEqual([]);
    } finally {
      await proxy.stop();
    }
  });

  test('a server that greets first: to nobody who is refused, and to all where nobody is', async () => {
    const guarded = await startDb(meshFor('permissive', 'tcp', '{from: [{service: web}]}'), greeter);
    const open = await startDb(meshFor('permissive', 'tcp', undefined), greeter);
    try {
      const port = await guarded.envoy.port('inbound');
      await vi.waitFor(async () => expect(await hear(port, webSvid, 'ping', 'hello\nping')).toBe('hello\nping'), {
        timeout: 10_000,
      });
      for (const tls of [undefined, {}, stranger]) {
        expect(await hear(port, tls, undefined, 'never')).toBe('');
        expect(await hear(port, tls, 'ping', 'never')).toBe('');
      }
      const openPort = await open.envoy.port('inbound');
      await vi.waitFor(async () => expect(await hear(openPort, webSvid, undefined, 'hello\n')).toBe('hello\n'), {
        timeout: 10_000,
      });
      const begin = performance.now();
      expect(await hear(openPort, undefined, undefined, 'hello\n')).toBe('hello\n');
      expect(performance.now() - begin).toBeGreaterThan(290);
    } finally {
      await guarded.stop();
      await open.stop();
    }
  });
});

interface Call {
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One HTTP/2 connection; with TLS if there is any. */
function http2Session(port: number, tls?: Tls) {
  const session =
    tls === undefined
      ? connectHttp2(`http://127.0.0.1:${port}`)
      : connectHttp2(`https://127.0.0.1:${port}`, tlsOptions(tls));
  session.on('error', () => undefined);
  const call = ({ path, method = 'POST', headers = {} }: Call): Promise<{ status: string; body: string }> =>
    new Promise((resolve, reject) => {
      const request = session.request({ ...headers, ':path': path, ':method': method });
      let status = '';
      let body = '';
      request.on('response', (answer) => {
        status = answer['grpc-status'] === undefined ? String(answer[':status']) : `grpc ${answer['grpc-status']}`;
      });
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      request.on('error', reject);
      request.on('close', () => (status === '' ? reject(new Error('no answer')) : resolve({ status, body })));
      request.end();
    });
  return { call, close: () => session.close() };
}

describe('gRPC', () => {
  let application: EchoApplication;
  beforeAll(async () => {
    application = await startHttp2Echo();
  });
  afterAll(() => application.stop());

  test('by exact method, on an open connection, from sidecar to sidecar', async () => {
    const rules = '{from: [{service: web}], to: [{grpc: pkg.Db/Get}, {grpc: pkg.Public/*}]}';
    const mesh = meshFor('strict', 'grpc', rules);
    const proxy = await startDb(mesh, application);
    const port = await proxy.envoy.port('inbound');
    const caller = await startWeb(mesh, port);
    let direct = http2Session(port, webSvid);
    try {
      await vi.waitFor(
        async () => {
          direct.close();
          direct = http2Session(port, webSvid);
          expect((await direct.call({ path: '/pkg.Db/Get' })).status).toBe('200');
        },
        { timeout: 10_000 },
      );
      const grpc = { 'content-type': 'application/grpc', te: 'trailers' };
      expect((await direct.call({ path: '/pkg.Db/Get', headers: grpc })).status).toBe('200');
      expect((await direct.call({ path: '/pkg.Public/Any' })).status).toBe('200');
      expect((await direct.call({ path: '/pkg.Db/Put' })).status).toBe('403');
      expect((await direct.call({ path: '/pkg.Db/Put', headers: grpc })).status).toBe('grpc 7');
      expect((await direct.call({ path: '/pkg.Db/GetAll' })).status).toBe('403');
      const loopback = await caller.envoy.port(`outbound:${db}`);
      let plain = http2Session(loopback);
      await vi.waitFor(
        async () => {
          plain.close();
          plain = http2Session(loopback);
          expect((await plain.call({ path: '/pkg.Db/Get' })).status).toBe('200');
        },
        { timeout: 10_000 },
      );
      const { body } = await plain.call({ path: '/pkg.Db/Get', headers: { 'x-cellwall-peer-id': 'forged' } });
      expect((JSON.parse(body) as EchoedRequest).headers['x-cellwall-peer-id']).toBe(idOf('web', 'cell-1'));
      plain.close();

      const deny = policyDocument(
        'no-web',
        'cell-1',
        '{target: {service: db}, action: deny, rules: [{from: [{service: web}]}]}',
      );
      proxy.update({ mesh: meshFor('strict', 'grpc', rules, deny), endpoints: new Map(), bundles: bundles() });
      await vi.waitFor(async () => expect((await direct.call({ path: '/pkg.Db/Get' })).status).toBe('403'), {
        timeout: 10_000,
        interval: 5,
      });
      expect([...proxy.ads.nacks, ...caller.ads.nacks]).toEqual([]);
    } finally {
      direct.close();
      await caller.stop();
      await proxy.stop();
    }
  });

  test('shadow policies are counted and not enforced', async () => {
    const shadow = policyDocument(
      'later',
      'cell-1',
      '{target: {service: db}, action: deny, mode: shadow, rules: [{from: [{service: web}]}]}',
    );
    const mesh = meshFor('strict', 'grpc', '{from: [{service: web}]}', shadow);
    const proxy = await startDb(mesh, application);
    try {
      const port = await proxy.envoy.port('inbound');
      await vi.waitFor(
        async () => expect((await http2Session(port, webSvid).call({ path: '/pkg.Db/Get' })).status).toBe('200'),
        { timeout: 10_000 },
      );
      const metadata = (): unknown[] =>
        proxy.ads.logs.flatMap(({ message }) =>
          message.logEntries.case === 'httpLogs'
            ? message.logEntries.value.logEntry.map(
                ({ commonProperties }) => commonProperties?.metadata?.filterMetadata['envoy.filters.http.rbac'],
              )
            : [],
        );
      await vi.waitFor(() => expect(metadata()[0]).toBeDefined(), { timeout: 10_000 });
      expect(metadata().at(-1)).toMatchInlineSnapshot(`
        {
          "authz_allow_enforced_effective_policy_id": "cell-1/db/0",
          "authz_allow_enforced_engine_result": "allowed",
          "authz_deny_enforced_engine_result": "allowed",
          "authz_deny_shadow_effective_policy_id": "cell-1/later/0",
          "authz_deny_shadow_engine_result": "denied",
        }
      `);
    } finally {
      await proxy.stop();
    }
  });
});
