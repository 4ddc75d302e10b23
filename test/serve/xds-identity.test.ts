// Who is who on the xDS port of a whole control plane: every stream of every service, and the status service for operators.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  ClientStatusRequestSchema,
  type ClientStatusResponse,
  ClientStatusResponseSchema,
  ConfigStatus,
  type ClientStatusRequestSchema as RequestSchema,
} from '#gen/envoy/service/status/v3/csds_pb.js';
import { typeUrls } from '../../src/xds/resources/type-url.ts';
import { discoveryServices } from '../../src/xds/server/services.ts';
import { createRawXdsClient, type RawXdsClient } from '../support/raw-xds-client.ts';
import { type ServeHarness, startServe } from '../support/serve-harness.ts';
import { createTestCa, type TestCertificate } from '../support/test-ca.ts';

const trustDomain = 'who.test';
const id = (service: string): string => `spiffe://${trustDomain}/cell/cell-1/service/${service}`;
const documents = [
  `kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: ${trustDomain}}`,
  'kind: Cell\nmetadata: {name: cell-1}\nspec: {id: 1}',
  'kind: Service\nmetadata: {name: a, cell: cell-1}\nspec: {protocol: http1}',
  'kind: Service\nmetadata: {name: b, cell: cell-1}\nspec: {protocol: http1}',
]
  .map((text) => `apiVersion: cellwall/v1\n${text}\n`)
  .join('---\n');

let plane: ServeHarness;
const svids = new Map<string, TestCertificate>();
const clients: { close(): void }[] = [];

beforeAll(async () => {
  plane = await startServe(documents);
  for (const spiffeId of [id('a'), id('b'), `spiffe://${trustDomain}/cellwall/operator/alice`]) {
    const { dir } = await plane.enrol(spiffeId);
    const [certificate = '', key = '', root = ''] = ['svid.pem', 'key.pem', 'bundle.pem'].map((file) =>
      readFileSync(join(dir, file), 'utf8'),
    );
    svids.set(spiffeId, { certificate, key, root });
  }
}, 60_000);
// A certificate has few connections at a time.
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});
afterAll(async () => {
  await plane?.stop();
});

function svid(spiffeId: string): TestCertificate {
  const found = svids.get(spiffeId);
  if (found === undefined) throw new Error(`no SVID of ${spiffeId}`);
  return found;
}

function connect(tls?: TestCertificate): RawXdsClient {
  const client = createRawXdsClient(plane.xdsPort, tls);
  clients.push(client);
  return client;
}

const methods = discoveryServices.flatMap(({ name, methods: its, only }) =>
  its.map(([method, variant]) => ({ path: `/${name}/${method}`, variant, typeUrl: only ?? typeUrls.secret })),
);

describe.each(methods)('$path', ({ path, variant, typeUrl }) => {
  const ask = (tls: TestCertificate | undefined, nodeId: string | undefined) => {
    const client = connect(tls);
    const node = nodeId === undefined ? {} : { node: { id: nodeId } };
    if (variant === 'sotw') {
      const stream = client.sotw(path);
      stream.send({ ...node, typeUrl, resourceNames: [id('a')] });
      return stream;
    }
    const stream = client.delta(path);
    stream.send({ ...node, typeUrl, resourceNamesSubscribe: [id('a')] });
    return stream;
  };

  test('is closed to those without a certificate, and to certificates of another authority', async () => {
    const foreign = await (await createTestCa('foreign')).issue({ uri: id('a') });
    expect((await ask(undefined, `${id('a')}~1`).ended).code).toBe(grpc.status.UNAVAILABLE);
    expect((await ask({ ...foreign, root: svid(id('a')).root }, `${id('a')}~1`).ended).code).toBe(
      grpc.status.UNAVAILABLE,
    );
  });

  test('refuses a node.id that is not of the certificate, and a first request without one', async () => {
    for (const claimed of [`${id('b')}~1`, id('a'), `${id('a')}~`, `${id('a')}~1~2`, `${id('a')}x~1`, '']) {
      expect((await ask(svid(id('a')), claimed).ended).code, claimed).toBe(grpc.status.PERMISSION_DENIED);
    }
    expect((await ask(svid(id('a')), undefined).ended).code).toBe(grpc.status.INVALID_ARGUMENT);
  });

  test('refuses a node that changes', async () => {
    const stream = ask(svid(id('a')), `${id('a')}~1`);
    // Even to another instance of the same identity.
    stream.send({ node: { id: `${id('a')}~2` }, typeUrl });
    expect((await stream.ended).code).toBe(grpc.status.INVALID_ARGUMENT);
  });
});

describe('secrets', () => {
  test('of another are answered like those that do not exist, on a stream that asks for nothing else', async () => {
    const stream = connect(svid(id('a'))).delta('/envoy.service.secret.v3.SecretDiscoveryService/DeltaSecrets');
    const names = [id('a'), id('b'), `spiffe://${trustDomain}/cellwall/server`, 'nothing-of-the-kind'];
    stream.send({ node: { id: `${id('a')}~secrets` }, resourceNamesSubscribe: names });
    const told = new Set<string>();
    const removed = new Set<string>();
    while (told.size + removed.size < names.length) {
      const response = await stream.next();
      for (const { name } of response.resources) told.add(name);
      for (const name of response.removedResources) removed.add(name);
      stream.send({ typeUrl: typeUrls.secret, responseNonce: response.nonce });
    }
    expect([...told]).toEqual([id('a')]);
    expect([...removed].toSorted()).toEqual(names.slice(1).toSorted());
  });

  test('of another never come, state of the world', async () => {
    const stream = connect(svid(id('b'))).sotw('/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets');
    stream.send({ node: { id: `${id('b')}~secrets` }, resourceNames: [id('a'), id('b'), 'nothing-of-the-kind'] });
    const { resources } = await stream.next();
    expect(resources).toHaveLength(1);
    expect(Buffer.from(resources[0]?.value ?? []).includes(id('b'))).toBe(true);
    expect(stream.waiting).toEqual([]);
  });
});

describe('the client status discovery service', () => {
  const service = '/envoy.service.status.v3.ClientStatusDiscoveryService';
  const call = (tls: TestCertificate): grpc.Client => {
    const [root, key, chain] = [tls.root, tls.key, tls.certificate].map((pem) => Buffer.from(pem));
    // A SPIFFE ID is no host name.
    const credentials = grpc.credentials.createSsl(root ?? null, key ?? null, chain ?? null, {
      checkServerIdentity: () => undefined,
    });
    const client = new grpc.Client(`127.0.0.1:${plane.xdsPort}`, credentials, { 'grpc.use_local_subchannel_pool': 1 });
    clients.push(client);
    return client;
  };
  const same = (bytes: Buffer): Buffer => bytes;
  const encode = (request: MessageInitShape<typeof RequestSchema>): Buffer =>
    Buffer.from(toBinary(ClientStatusRequestSchema, create(ClientStatusRequestSchema, request)));
  const fetchStatus = (tls: TestCertificate, request: Buffer): Promise<ClientStatusResponse> =>
    new Promise((resolve, reject) => {
      call(tls).makeUnaryRequest(`${service}/FetchClientStatus`, same, same, request, (error, bytes) => {
        if (bytes === undefined) reject(error);
        else resolve(fromBinary(ClientStatusResponseSchema, bytes));
      });
    });
  const operator = () => svid(`spiffe://${trustDomain}/cellwall/operator/alice`);

  /** A proxy that is there until the test ends. */
  const connected = async (nodeId: string): Promise<void> => {
    const stream = connect(svid(nodeId.replace(/~.*/, ''))).delta();
    stream.send({ node: { id: nodeId }, typeUrl: typeUrls.secret, resourceNamesSubscribe: ['*'] });
    await stream.next();
    stream.send({ typeUrl: typeUrls.listener });
    await stream.next();
  };

  test('tells an operator of every proxy, without secrets; of one by its matcher', async () => {
    const nodes = [`${id('a')}~csds`, `${id('b')}~csds`];
    for (const nodeId of nodes) await connected(nodeId);
    const { config } = await fetchStatus(operator(), encode({}));
    expect(config.map(({ node }) => node?.id)).toEqual(expect.arrayContaining(nodes));
    const all = Buffer.from(toBinary(ClientStatusResponseSchema, create(ClientStatusResponseSchema, { config })));
    expect(all.includes('PRIVATE KEY')).toBe(false);
    expect(all.includes('[redacted]')).toBe(true);
    const exact = { matchPattern: { case: 'exact' as const, value: nodes[1] ?? '' } };
    const one = (await fetchStatus(operator(), encode({ nodeMatchers: [{ nodeId: exact }] }))).config;
    expect(one.map(({ node }) => node?.id)).toEqual([nodes[1]]);
    const own = one[0]?.genericXdsConfigs.find(({ name }) => name === id('b'));
    expect(own).toMatchObject({ typeUrl: typeUrls.secret, configStatus: ConfigStatus.STALE });
    expect(one[0]?.genericXdsConfigs.some(({ name }) => name === id('a'))).toBe(false);
  });

  test('answers each request of a stream', async () => {
    await connected(`${id('a')}~csds`);
    const stream = call(operator()).makeBidiStreamRequest<Buffer, Buffer>(`${service}/StreamClientStatus`, same, same);
    const answers: Buffer[] = [];
    stream.on('data', (bytes: Buffer) => answers.push(bytes));
    stream.on('error', () => undefined);
    stream.write(encode({}));
    stream.write(encode({ excludeResourceContents: true }));
    await expect.poll(() => answers.length).toBe(2);
    expect(answers[1]?.length).toBeLessThan(answers[0]?.length ?? 0);
    stream.end();
  });

  test('is closed to workloads, and says why to an operator who asks wrongly', async () => {
    await expect(fetchStatus(svid(id('a')), encode({}))).rejects.toMatchObject({ code: grpc.status.PERMISSION_DENIED });
    await expect(fetchStatus(operator(), Buffer.from('ff', 'hex'))).rejects.toMatchObject({
      code: grpc.status.INVALID_ARGUMENT,
    });
    await connected(`${id('a')}~csds`);
    const regex = { matchPattern: { case: 'safeRegex' as const, value: { regex: '.*' } } };
    await expect(fetchStatus(operator(), encode({ nodeMatchers: [{ nodeId: regex }] }))).rejects.toMatchObject({
      code: grpc.status.INVALID_ARGUMENT,
    });
  });

  test('is closed to an operator whose host was evicted', async () => {
    const spiffeId = `spiffe://${trustDomain}/cellwall/operator/gone`;
    const { dir } = await plane.enrol(spiffeId);
    const [certificate = '', key = '', root = ''] = ['svid.pem', 'key.pem', 'bundle.pem'].map((file) =>
      readFileSync(join(dir, file), 'utf8'),
    );
    await expect(fetchStatus({ certificate, key, root }, encode({}))).resolves.toBeDefined();
    await plane.admin.evict(spiffeId);
    await expect(fetchStatus({ certificate, key, root }, encode({}))).rejects.toMatchObject({
      code: grpc.status.FAILED_PRECONDITION,
    });
  });

  test('its operators are made by whoever may make join tokens, never by a document', async () => {
    const spiffeId = `spiffe://${trustDomain}/cellwall/operator/mallory`;
    await expect(
      plane.apply(
        `${documents}---\napiVersion: cellwall/v1\nkind: Workload\nmetadata: {name: mallory}\nspec: {identity: ` +
          `{spiffeId: "${spiffeId}"}}\n`,
      ),
    ).rejects.toThrow(/reserved-identity/);
  });
});
