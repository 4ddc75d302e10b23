// A node that floods the server with requests that are dear to answer: it is read as fast as its share of the work allows, and loses
// nothing by it.
import { create, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { DeltaDiscoveryRequestSchema } from '#gen/envoy/service/discovery/v3/discovery_pb.js';
import { CellwallError } from '../../src/lib/errors.ts';
import { silentLog } from '../../src/lib/log.ts';
import type { NodeId } from '../../src/lib/node-id.ts';
import { createPacer } from '../../src/lib/pacer.ts';
import { createSnapshotCache } from '../../src/xds/resources/cache.ts';
import { typeUrls } from '../../src/xds/resources/type-url.ts';
import { createXdsServer } from '../../src/xds/server/server.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createRawXdsClient } from '../support/raw-xds-client.ts';
import { byName, node, nodeKey, snapshotOf, startXds } from './xds-fixture.ts';

const [a, b] = ['a' as NodeId, 'b' as NodeId];

test('an allowance is for work at once, and comes back as time goes', () => {
  const clock = createFakeClock();
  const pacer = createPacer({ clock, limits: { workAtOnceMs: 100, workShare: 0.1 } });
  expect(pacer.spend(a, 60)).toBe(0);
  expect(pacer.spend(a, 60)).toBeCloseTo(200);
  expect(pacer.spend(b, 60)).toBe(0);
  clock.advance(1200);
  expect(pacer.spend(a, 100)).toBeCloseTo(0);
  // As after a night's sleep of the machine.
  expect(pacer.spend(b, 3_600_000)).toBeLessThan(1000);
});

test('all streams of a node rest once its requests cost more, and no stream of another', () => {
  const clock = createFakeClock();
  const server = createXdsServer({
    cache: createSnapshotCache(),
    // Every request costs ten milliseconds, and its garbage as much.
    authenticate: (peer, claims) => {
      clock.advance(10);
      return byName(peer, claims);
    },
    observe: () => undefined,
    log: silentLog,
    clock,
    limits: { workAtOnceMs: 65, workShare: 0.1 },
  });
  const rests: string[] = [];
  const connect = (id: NodeId): void => {
    const transport = {
      peer: { address: '127.0.0.1' },
      write: () => undefined,
      rest: () => void rests.push(id),
      end: () => undefined,
    };
    const request = create(DeltaDiscoveryRequestSchema, { node: { id }, typeUrl: typeUrls.cluster });
    server.open(transport, 'delta').request(toBinary(DeltaDiscoveryRequestSchema, request));
  };
  for (let index = 0; index < 3; index++) connect(a);
  expect(rests).toEqual([]);
  connect(a);
  connect(b);
  connect(a);
  expect(rests).toEqual([a, a]);
});

test('a request that ends its stream has cost as much: the next stream of that host rests when it is opened', () => {
  const clock = createFakeClock();
  const server = createXdsServer({
    cache: createSnapshotCache(),
    authenticate: () => {
      clock.advance(10);
      throw new CellwallError('permission_denied', 'not this one');
    },
    observe: () => undefined,
    log: silentLog,
    clock,
    limits: { workAtOnceMs: 65, workShare: 0.1 },
  });
  let [ended, rests] = [0, 0];
  const attempt = (address: string): void => {
    const transport = {
      peer: { address },
      write: () => undefined,
      rest: () => void rests++,
      end: () => void ended++,
    };
    const request = create(DeltaDiscoveryRequestSchema, { node: { id: a }, typeUrl: typeUrls.cluster });
    server.open(transport, 'delta').request(toBinary(DeltaDiscoveryRequestSchema, request));
  };
  for (let index = 0; index < 3; index++) attempt('127.0.0.1');
  expect([ended, rests]).toEqual([3, 0]);
  attempt('127.0.0.1');
  expect([ended, rests]).toEqual([4, 1]);
  attempt('127.0.0.2');
  expect([ended, rests]).toEqual([5, 1]);
});

test('what waits is answered later', async () => {
  const xds = await startXds({ limits: { workAtOnceMs: 0.001, workShare: 0.5 } });
  const names = ['v', 'w', 'x', 'y', 'z'];
  xds.cache.set(nodeKey, snapshotOf(1, { endpoint: Object.fromEntries(names.map((name) => [name, 'one'])) }));
  const client = createRawXdsClient(xds.port);
  const stream = client.delta();
  const told: string[] = [];
  for (const [index, name] of names.entries()) {
    const first = index === 0 ? { node } : {};
    stream.send({ ...first, typeUrl: typeUrls.endpoint, resourceNamesSubscribe: [name] });
  }
  while (told.length < names.length) told.push(...(await stream.next()).resources.map((resource) => resource.name));
  expect(told).toEqual(names);
  client.close();
  await xds.close();
});
