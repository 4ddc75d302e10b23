// What is open when a caller is denied, on a real Envoy: the denied caller's streams and connections are cut, all others live on.
import { createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseSpiffeId, type SpiffeId } from '../../src/model/spiffe-id.ts';
import type { MeshIr, PortIr, ServiceKey } from '../../src/policy/ir.ts';
import { portOf } from '../../src/policy/ports.ts';
import { callerServerName } from '../../src/translate/inbound/caller-chains.ts';
import { startTcpEcho } from '../support/echo-application.ts';
import { type OpenCall, openCall } from '../support/open-call.ts';
import { meshOf } from '../support/resolve-text.ts';
import { createTestCa, type TestCa } from '../support/test-ca.ts';
import { startTranslatedProxy, type TranslatedProxy } from '../support/translated-proxy.ts';
import { idOf, meshDocument, policyDocument, serviceDocument, trustDomain } from './mesh-text.ts';

const router = `spiffe://${trustDomain}/edge/router`;
const web = idOf('web', 'cell-1');
const sibling = idOf('web', 'cell-10');
const db = 'cell-1/db' as ServiceKey;
const cutWithinMs = 5000;

let ca: TestCa;

beforeAll(async () => {
  ca = await createTestCa('mesh root');
});

function spiffeId(text: string): SpiffeId {
  const id = parseSpiffeId(text);
  if (id === undefined) throw new Error(`not a SPIFFE ID: ${text}`);
  return id;
}

function meshWith(protocol: 'tcp' | 'grpc', mode: string, denied?: string): MeshIr {
  const allow = policyDocument(
    'db',
    'cell-1',
    '{target: {service: db}, action: allow, rules: [{from: [{everyone: true}]}]}',
  );
  const deny = policyDocument(
    'no',
    'cell-1',
    `{target: {service: db}, action: deny, rules: [{from: [{spiffeId: "${denied}"}]}]}`,
  );
  return meshOf(
    [
      meshDocument('strict'),
      serviceDocument('db', 'cell-1', `{protocol: ${protocol}, mtls: {mode: ${mode}}}`),
      serviceDocument('web', 'cell-1', '{protocol: http1, dependsOn: [{service: db, listen: 15001}]}'),
      serviceDocument('web', 'cell-10', '{protocol: http1, dependsOn: [{service: cell-1/db, listen: 15001}]}'),
      allow,
      denied === undefined ? '' : deny,
    ].join(''),
  );
}

function target(mesh: MeshIr): PortIr {
  const service = portOf(mesh, db);
  if (service === undefined) throw new Error('no db');
  return service;
}

async function startStreams(): Promise<{ address: string; port: number; stop(): Promise<void> }> {
  const server: Server = createHttp2Server().on('stream', (stream) => {
    stream.on('error', () => undefined);
    stream.respond({ ':status': 200 });
    stream.pipe(stream);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    stop: async () => void server.close(),
  };
}

describe.each([
  ['tcp', 'strict'],
  ['tcp', 'permissive'],
  ['grpc', 'strict'],
  ['grpc', 'permissive'],
] as const)('%s, %s', (protocol, mode) => {
  let proxy: TranslatedProxy;
  let application: { address: string; port: number; stop(): Promise<void> };
  let port = 0;
  const opened: OpenCall[] = [];
  const update = (denied?: string): void =>
    proxy.update({ mesh: meshWith(protocol, mode, denied), endpoints: new Map(), bundles: bundles() });
  const bundles = () => ({ roots: ca.root, legacyAnchors: new Map<string, string>() });

  beforeAll(async () => {
    application = protocol === 'tcp' ? await startTcpEcho() : await startStreams();
    proxy = await startTranslatedProxy(
      { mesh: meshWith(protocol, mode), endpoints: new Map(), bundles: bundles() },
      {
        spiffeId: spiffeId(idOf('db', 'cell-1')),
        service: db,
        ports: [{ name: 'default', inbound: { address: '127.0.0.1', port: 0 }, application }],
      },
      await ca.issue({ uri: idOf('db', 'cell-1') }),
    );
    port = await proxy.envoy.port('inbound');
  });

  afterAll(async () => {
    for (const call of opened) call.close();
    await proxy.stop();
    await application.stop();
  });

  const open = async (uri: string, as: string | undefined): Promise<OpenCall> => {
    const call = openCall({
      kind: protocol === 'tcp' ? 'tcp' : 'stream',
      port,
      svid: await ca.issue({ uri }),
      ...(as === undefined ? {} : { serverName: callerServerName(spiffeId(as), target(meshWith(protocol, mode))) }),
    });
    opened.push(call);
    return call;
  };

  /** Retried while the proxy starts. */
  const lively = async (uri: string, as: string | undefined): Promise<OpenCall> => {
    const end = performance.now() + 10_000;
    for (;;) {
      const call = await open(uri, as);
      const alive = await call.echo('hello').then(
        () => true,
        () => false,
      );
      if (alive) return call;
      if (performance.now() > end) throw new Error(`no echo for ${uri}: ${proxy.envoy.log().slice(-2000)}`);
    }
  };

  test('nobody gets through the handshake of another caller’s chain', async () => {
    await lively(web, web);
    const call = await open(sibling, web);
    await expect(call.echo('hello')).rejects.toThrow();
    const unmanaged = await open(router, web);
    await expect(unmanaged.echo('hello')).rejects.toThrow();
  });

  test('only the denied caller is cut, within 5 s', { timeout: 30_000 }, async () => {
    const denied = await lively(web, web);
    const beside = [await lively(sibling, sibling), await lively(router, undefined), await lively(sibling, undefined)];
    const started = performance.now();
    update(web);
    const ms = (await denied.ended) - started;
    expect(ms).toBeLessThan(cutWithinMs);
    for (const call of beside) await call.echo('still here');
    expect(proxy.ads.nacks).toEqual([]);
  });

  test('a caller without a chain of its own is cut with those that share it, and no others', {
    timeout: 30_000,
  }, async () => {
    const denied = await lively(router, undefined);
    const beside = await lively(sibling, sibling);
    const started = performance.now();
    update(router);
    expect((await denied.ended) - started).toBeLessThan(cutWithinMs);
    await beside.echo('still here');
  });
});
