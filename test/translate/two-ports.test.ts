// A service with a gRPC, a REST and a TCP port, one identity, on real Envoys: each port has its own listener, protocol and rules, and
// what is done to one is not felt on the others.
import type { ClientHttp2Session } from 'node:http2';
import { connect } from 'node:http2';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { SpiffeId } from '../../src/model/spiffe-id.ts';
import type { MeshIr, PortKey, ServiceIr, ServiceKey } from '../../src/policy/ir.ts';
import { allPorts, portOf } from '../../src/policy/ports.ts';
import { callerServerName } from '../../src/translate/inbound/caller-chains.ts';
import { type EchoApplication, type EchoedRequest, startHttp1Echo, startTcpEcho } from '../support/echo-application.ts';
import { grpcUnary, startGrpcBackend } from '../support/grpc-unary.ts';
import { httpCall } from '../support/http-call.ts';
import { type OpenCall, openCall } from '../support/open-call.ts';
import { meshOf } from '../support/resolve-text.ts';
import { createTestCa, type TestCa } from '../support/test-ca.ts';
import { startTranslatedProxy, type TranslatedProxy } from '../support/translated-proxy.ts';
import { idOf, meshDocument, policyDocument, serviceDocument } from './mesh-text.ts';

const topology = 'cell-1/topology' as ServiceKey;
const web = 'cell-1/web' as ServiceKey;
const topologyId = idOf('topology', 'cell-1') as SpiffeId;
const classify = 'topology.v1.Classifier/Classify';

/** `web` calls gRPC and REST; everyone of the cell may use TCP, and `web` as it is allowed to. */
function meshWith(...policies: readonly string[]): MeshIr {
  const mesh = meshOf(
    [
      meshDocument('strict'),
      serviceDocument(
        'topology',
        'cell-1',
        `
  ports:
    - {name: grpc, protocol: grpc}
    - {name: rest, protocol: http1, health: {path: /healthz}}
    - {name: raw, protocol: tcp}`,
      ),
      serviceDocument(
        'web',
        'cell-1',
        `
  protocol: http1
  dependsOn:
    - {service: topology, port: grpc, listen: 15001}
    - {service: topology, port: rest, listen: 15002}
    - {service: topology, port: raw, listen: 15003}`,
      ),
      policyDocument(
        'calls',
        'cell-1',
        `{target: {service: topology}, action: allow, rules: [{from: [{service: web}], to: [
           {port: grpc, grpc: ${classify}}, {port: rest, methods: [GET], path: {prefix: /api}}, {port: raw}]}]}`,
      ),
      ...policies,
    ].join(''),
  );
  const free = ({ dependsOn, ...service }: ServiceIr): ServiceIr => ({
    ...service,
    dependsOn: dependsOn.map((dependency) => ({ ...dependency, listen: 0 })),
  });
  return { ...mesh, services: new Map([...mesh.services].map(([key, service]) => [key, free(service)])) };
}

const denyOn = (port: string): string =>
  policyDocument(
    'no',
    'cell-1',
    `{target: {service: topology, port: ${port}}, action: deny, rules: [{from: [{service: web}]}]}`,
  );

let ca: TestCa;
let server: TranslatedProxy;
let client: TranslatedProxy;
let rest: EchoApplication;
let raw: EchoApplication;
let grpc: { readonly port: number; stop(): void };
let session: ClientHttp2Session;
const opened: OpenCall[] = [];
let inbound: ReadonlyMap<string, number>;
let ports: ReadonlyMap<string, number>;

const bundles = () => ({ roots: ca.root, legacyAnchors: new Map<string, string>() });
const update = (mesh: MeshIr): void => server.update({ mesh, endpoints: new Map(), bundles: bundles() });
const outbound = (name: string): number => ports.get(name) ?? 0;
const restStatus = async (path: string, method = 'GET'): Promise<number> =>
  (await httpCall({ port: outbound('rest'), path, method, headers: { host: 'localhost' } })).status;
const grpcStatus = (method: string): Promise<string> => grpcUnary(session, method, Buffer.alloc(0));

beforeAll(async () => {
  ca = await createTestCa('mesh root');
  [rest, raw, grpc] = [await startHttp1Echo(), await startTcpEcho(), await startGrpcBackend()];
  const applications = { grpc: { address: '127.0.0.1', port: grpc.port }, rest, raw };
  const here = { address: '127.0.0.1', port: 0 };
  const mesh = meshWith();
  server = await startTranslatedProxy(
    { mesh, endpoints: new Map(), bundles: bundles() },
    {
      spiffeId: topologyId,
      service: topology,
      ports: Object.entries(applications).map(([name, application]) => ({ name, inbound: here, application })),
    },
    await ca.issue({ uri: topologyId }),
  );
  const names = ['grpc', 'rest', 'raw'];
  inbound = new Map(
    await Promise.all(names.map(async (name) => [name, await server.envoy.port(`inbound/${name}`)] as const)),
  );
  const endpoints = new Map(
    [...inbound].map(([name, port]) => [`${topology}:${name}` as PortKey, [{ address: '127.0.0.1', port }]]),
  );
  const id = idOf('web', 'cell-1') as SpiffeId;
  client = await startTranslatedProxy(
    { mesh, endpoints, bundles: bundles() },
    { spiffeId: id, service: web },
    await ca.issue({ uri: id }),
  );
  ports = new Map(
    await Promise.all(
      names.map(async (name) => [name, await client.envoy.port(`outbound:${topology}:${name}`)] as const),
    ),
  );
  session = connect(`http://localhost:${outbound('grpc')}`).on('error', () => undefined);
  await vi.waitFor(async () => expect(await restStatus('/api/v1')).toBe(200), { timeout: 20_000 });
}, 60_000);

afterAll(async () => {
  for (const call of opened) call.close();
  session.destroy();
  grpc.stop();
  await Promise.all([client.stop(), server.stop()]);
  await Promise.all([rest.stop(), raw.stop()]);
});

/** Of a caller with a sidecar, straight to a port of the service. */
async function rawCall(): Promise<OpenCall> {
  const port = portOf(meshWith(), `${topology}:raw`);
  if (port === undefined) throw new Error('no port');
  const id = idOf('web', 'cell-1') as SpiffeId;
  const call = openCall({
    kind: 'tcp',
    port: inbound.get('raw') ?? 0,
    svid: await ca.issue({ uri: id }),
    serverName: callerServerName(id, port),
  });
  opened.push(call);
  await call.echo('hello');
  return call;
}

test('Envoy takes all that it is given', () => {
  expect([server.ads.nacks, client.ads.nacks]).toEqual([[], []]);
});

test('each port speaks its protocol, by its own rules, and tells who calls', async () => {
  expect(await grpcStatus(classify)).toBe('0');
  expect(await grpcStatus('topology.v1.Classifier/Other')).toBe('7');
  expect(await restStatus('/api/v1')).toBe(200);
  expect(await restStatus('/api/v1', 'DELETE')).toBe(403);
  expect(await restStatus('/admin')).toBe(403);
  // What is allowed on one port is nothing on the other: a REST call that looks like the gRPC method.
  expect(await restStatus(`/${classify}`, 'POST')).toBe(403);
  const { body } = await httpCall({ port: outbound('rest'), path: '/api/v1', headers: { host: 'localhost' } });
  const { headers } = JSON.parse(body) as EchoedRequest;
  expect(headers['x-cellwall-peer-id']).toBe(idOf('web', 'cell-1'));
  await (await rawCall()).echo('still here');
});

test('a health path is of its port alone', async () => {
  expect((await httpCall({ port: inbound.get('rest') ?? 0, path: '/healthz' })).status).toBe(200);
  await expect(httpCall({ port: inbound.get('grpc') ?? 0, path: '/healthz' })).rejects.toThrow();
});

test('a deny on one port refuses and cuts there, and touches nothing of the others', { timeout: 30_000 }, async () => {
  const open = await rawCall();
  expect(await grpcStatus(classify)).toBe('0');
  update(meshWith(denyOn('rest')));
  await vi.waitFor(async () => expect(await restStatus('/api/v1')).toBe(403), { timeout: 10_000 });
  // The same session, and the same connection.
  expect(await grpcStatus(classify)).toBe('0');
  await open.echo('still here');
  update(meshWith(denyOn('raw')));
  const started = performance.now();
  expect((await open.ended) - started).toBeLessThan(5000);
  await vi.waitFor(async () => expect(await restStatus('/api/v1')).toBe(200), { timeout: 10_000 });
  expect(await grpcStatus(classify)).toBe('0');
  expect(session.closed).toBe(false);
  expect(server.ads.nacks).toEqual([]);
});

test('names are the port’s where it has one, and the service’s where it has none', () => {
  const mesh = meshWith();
  expect(allPorts(mesh).map(({ id }) => id)).toEqual([
    'cell-1/topology:grpc',
    'cell-1/topology:rest',
    'cell-1/topology:raw',
    'cell-1/web',
  ]);
});
