// What CSDS tells of each resource: sent, accepted, rejected, waiting, absent; filters; nothing secret.
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { afterEach, expect, test } from 'vitest';
import { ClientResourceStatus } from '#gen/envoy/admin/v3/config_dump_shared_pb.js';
import { SecretSchema } from '#gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import {
  ClientStatusRequestSchema,
  ConfigStatus,
  type ClientStatusRequestSchema as RequestSchema,
} from '#gen/envoy/service/status/v3/csds_pb.js';
import type { NodeId } from '../../src/lib/node-id.ts';
import { clientStatus } from '../../src/xds/csds/client-status.ts';
import { encodeResource } from '../../src/xds/resources/encode.ts';
import { typeUrls } from '../../src/xds/resources/type-url.ts';
import { createRawXdsClient, type RawXdsClient } from '../support/raw-xds-client.ts';
import { type Fixture, node, nodeKey, snapshotOf, startXds } from './xds-fixture.ts';

let cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
  cleanups = [];
});

async function start(): Promise<{ readonly xds: Fixture; readonly client: RawXdsClient }> {
  const xds = await startXds();
  cleanups.push(() => xds.close());
  const client = createRawXdsClient(xds.port);
  cleanups.push(() => client.close());
  return { xds, client };
}

function ask({ server }: Fixture, request: MessageInitShape<typeof RequestSchema> = {}) {
  return clientStatus(server.inspect(), create(ClientStatusRequestSchema, request)).config;
}

/** `name status version-is-there`, of one node. */
function told(xds: Fixture): readonly string[] {
  return (ask(xds)[0]?.genericXdsConfigs ?? []).map(
    ({ name, configStatus, clientStatus: client }) =>
      `${name} ${ConfigStatus[configStatus]} ${ClientResourceStatus[client]}`,
  );
}

test('a resource is told as sent, then as accepted or rejected, and as accepted once it is corrected', async () => {
  const { xds, client } = await start();
  xds.cache.set(nodeKey, snapshotOf(1, { endpoint: { a: 'a1', b: 'bad' } }));
  const stream = client.delta();
  stream.send({ node, typeUrl: typeUrls.endpoint, resourceNamesSubscribe: ['a', 'x'] });
  const first = await stream.next();
  expect(told(xds)).toEqual(['a STALE REQUESTED', 'x SYNCED DOES_NOT_EXIST']);
  stream.send({ typeUrl: typeUrls.endpoint, responseNonce: first.nonce });
  await expect.poll(() => told(xds)).toEqual(['a SYNCED ACKED', 'x SYNCED DOES_NOT_EXIST']);

  stream.send({ typeUrl: typeUrls.endpoint, resourceNamesSubscribe: ['b'] });
  const { nonce } = await stream.next();
  stream.send({ typeUrl: typeUrls.endpoint, responseNonce: nonce, errorDetail: { code: 3, message: 'b is bad' } });
  await expect.poll(() => told(xds)[1]).toBe('b ERROR NACKED');
  const rejected = ask(xds)[0]?.genericXdsConfigs[1];
  expect(rejected?.errorState?.details).toBe('b is bad');
  expect(rejected?.versionInfo).toBe(first.resources.length > 0 ? rejected?.errorState?.versionInfo : '');
  expect(told(xds)[0]).toBe('a SYNCED ACKED');

  xds.cache.set(nodeKey, snapshotOf(2, { endpoint: { a: 'a1', b: 'good' } }));
  stream.send({ typeUrl: typeUrls.endpoint, responseNonce: (await stream.next()).nonce });
  await expect.poll(() => told(xds)).toEqual(['a SYNCED ACKED', 'b SYNCED ACKED', 'x SYNCED DOES_NOT_EXIST']);
});

test('a full set that is accepted accepts what was rejected before', async () => {
  const { xds, client } = await start();
  xds.cache.set(nodeKey, snapshotOf(1, { cluster: { a: 'a1', b: 'b1' } }));
  const stream = client.sotw();
  const { cluster: typeUrl } = typeUrls;
  stream.send({ node, typeUrl });
  let { nonce: responseNonce, versionInfo } = await stream.next();
  stream.send({ typeUrl, responseNonce, errorDetail: { code: 3, message: 'no' } });
  await expect.poll(() => told(xds)).toEqual(['a ERROR NACKED', 'b ERROR NACKED']);
  xds.cache.set(nodeKey, snapshotOf(2, { cluster: { a: 'a1', b: 'b2' } }));
  ({ nonce: responseNonce, versionInfo } = await stream.next());
  expect(told(xds)[1]).toBe('b STALE REQUESTED');
  stream.send({ typeUrl, responseNonce, versionInfo });
  await expect.poll(() => told(xds)).toEqual(['a SYNCED ACKED', 'b SYNCED ACKED']);
});

test('what waits for clusters is told as not sent', async () => {
  const { xds, client } = await start();
  xds.cache.set(nodeKey, snapshotOf(1, { cluster: { a: 'a1' }, listener: { l: 'l1' } }));
  const stream = client.delta();
  stream.send({ node, typeUrl: typeUrls.cluster });
  stream.send({ typeUrl: typeUrls.listener });
  await stream.next();
  expect(told(xds)).toEqual(['a STALE REQUESTED', 'l NOT_SENT REQUESTED']);
});

test('streams of one node are one client; matchers choose clients by id and metadata', async () => {
  const { xds, client } = await start();
  const nodes = ['spiffe://td/service/a~1', 'spiffe://td/service/a~2', 'spiffe://td/service/b~1'];
  for (const id of nodes) {
    xds.cache.set(id as NodeId, snapshotOf(1, { secret: { s: 's1' }, endpoint: { a: 'a1' } }));
    for (const typeUrl of [typeUrls.secret, typeUrls.endpoint]) {
      const stream = client.delta();
      const metadata = { zone: { name: id.endsWith('1') ? 'one' : 'two' }, weight: id.includes('/b') ? 5 : 1 };
      stream.send({ node: { id, metadata }, typeUrl, resourceNamesSubscribe: ['a', 's'] });
      await stream.next();
    }
  }
  const chosen = (nodeMatchers: MessageInitShape<typeof RequestSchema>['nodeMatchers']) =>
    ask(xds, nodeMatchers === undefined ? {} : { nodeMatchers }).map(({ node: of }) => of?.id);
  expect(chosen(undefined)).toEqual(nodes);
  expect(ask(xds)[0]?.genericXdsConfigs).toHaveLength(4);
  expect(chosen([{ nodeId: { matchPattern: { case: 'exact', value: nodes[1] ?? '' } } }])).toEqual([nodes[1]]);
  expect(chosen([{ nodeId: { matchPattern: { case: 'prefix', value: 'spiffe://td/service/a' } } }])).toHaveLength(2);
  expect(chosen([{ nodeId: { matchPattern: { case: 'contains', value: '/B~' }, ignoreCase: true } }])).toEqual([
    nodes[2],
  ]);
  const zone = [
    { segment: { case: 'key' as const, value: 'zone' } },
    { segment: { case: 'key' as const, value: 'name' } },
  ];
  const two = {
    matchPattern: { case: 'stringMatch' as const, value: { matchPattern: { case: 'exact' as const, value: 'two' } } },
  };
  expect(chosen([{ nodeMetadatas: [{ path: zone, value: two }] }])).toEqual([nodes[1]]);
  const weight = [{ segment: { case: 'key' as const, value: 'weight' } }];
  const heavy = {
    matchPattern: {
      case: 'doubleMatch' as const,
      value: { matchPattern: { case: 'range' as const, value: { start: 2, end: 6 } } },
    },
  };
  expect(
    chosen([{ nodeMetadatas: [{ path: weight, value: heavy }] }, { nodeMetadatas: [{ path: zone, value: two }] }]),
  ).toEqual([nodes[1], nodes[2]]);
  expect(() => chosen([{ nodeId: { matchPattern: { case: 'safeRegex', value: { regex: '.*' } } } }])).toThrow(
    /safeRegex/,
  );
});

test('contents are as sent, without what is secret; or left out', async () => {
  const { xds, client } = await start();
  const secret = create(SecretSchema, {
    name: 's',
    type: {
      case: 'tlsCertificate',
      value: {
        certificateChain: { specifier: { case: 'inlineString', value: 'the chain' } },
        privateKey: { specifier: { case: 'inlineString', value: 'the key' } },
        password: { specifier: { case: 'inlineString', value: 'the password' } },
      },
    },
  });
  const encoded = encodeResource(typeUrls.secret, 's', toBinary(SecretSchema, secret));
  const generic = create(SecretSchema, {
    name: 'g',
    type: { case: 'genericSecret', value: { secret: { specifier: { case: 'inlineString', value: 'the token' } } } },
  });
  const other = encodeResource(typeUrls.secret, 'g', toBinary(SecretSchema, generic));
  const secrets = new Map([encoded, other].map((one) => [one.name, one]));
  xds.cache.set(nodeKey, { revision: 1, resources: new Map([[typeUrls.secret, secrets]]) });
  const stream = client.delta();
  stream.send({ node, typeUrl: typeUrls.secret, resourceNamesSubscribe: ['s', 'g'] });
  await stream.next();
  const configs = ask(xds)[0]?.genericXdsConfigs ?? [];
  const text = configs.map(({ xdsConfig }) => Buffer.from(xdsConfig?.value ?? []).toString()).join();
  for (const gone of ['the key', 'the password', 'the token']) expect(text).not.toContain(gone);
  const read = fromBinary(SecretSchema, configs[1]?.xdsConfig?.value ?? new Uint8Array());
  expect(read.type.case === 'tlsCertificate' && read.type.value.certificateChain?.specifier.value).toBe('the chain');
  expect(configs[1]?.versionInfo).toBe(encoded.version);
  for (const { xdsConfig } of ask(xds, { excludeResourceContents: true })[0]?.genericXdsConfigs ?? []) {
    expect(xdsConfig).toBeUndefined();
  }
});
