// What streams keep is counted as it is there: what they have in common once, and all else for each of them.
import { create, toBinary } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { DeltaDiscoveryRequestSchema } from '#gen/envoy/service/discovery/v3/discovery_pb.js';
import type { CellwallError } from '../../src/lib/errors.ts';
import { silentLog } from '../../src/lib/log.ts';
import type { NodeId } from '../../src/lib/node-id.ts';
import { limitKinds } from '../../src/limits/limits.ts';
import { defaultLimits, type Limits } from '../../src/xds/protocol/limits.ts';
import { createSnapshotCache } from '../../src/xds/resources/cache.ts';
import { type TypeUrl, typeUrls } from '../../src/xds/resources/type-url.ts';
import { createLedger } from '../../src/xds/server/ledger.ts';
import { createXdsServer } from '../../src/xds/server/server.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { byName } from './xds-fixture.ts';

const limits = { ...defaultLimits, identityBytes: 1000, allBytes: 3000, freeBytesOfNode: 100 };
const nodeOf = (service: string, index: number) => `spiffe://td/service/${service}~${index}` as NodeId;

describe('a ledger', () => {
  test('counts a value once, however many streams keep it, until none does', () => {
    const ledger = createLedger(limits);
    const [value, other] = [{}, {}];
    const accounts = Array.from({ length: 50 }, (_, index) => ledger.open(nodeOf('a', index), 'ads'));
    for (const account of accounts) account.keep('x', { own: 0, shared: [[value, 900]] });
    for (const account of accounts.slice(1)) account.close();
    // The one that is left has what is free of its own, and no more.
    const [last] = accounts;
    expect(() => last?.keep('y', { own: 300, shared: [] })).toThrow('of one identity');
    last?.keep('y', { own: 200, shared: [] });
    last?.keep('x', { own: 0, shared: [[other, 900]] });
    expect(() => last?.keep('z', { own: 0, shared: [[value, 900]] })).toThrow('of one identity');
    last?.close();
    ledger.open(nodeOf('a', 1), 'ads').keep('x', { own: 1100, shared: [] });
  });

  test('counts what is of its own for each, of an identity and of all', () => {
    const ledger = createLedger(limits);
    const open = (service: string) => ledger.open(nodeOf(service, 0), 'ads');
    for (const service of ['a', 'b', 'c']) open(service).keep('x', { own: 1100, shared: [] });
    const fourth = open('d');
    expect(() => fourth.keep('x', { own: 200, shared: [] })).toThrow('all proxies together');
    fourth.keep('x', { own: 100, shared: [] });
  });

  test('that refuses keeps what was before', () => {
    const ledger = createLedger(limits);
    const account = ledger.open(nodeOf('a', 0), 'ads');
    account.keep('x', { own: 500, shared: [] });
    expect(() => account.keep('x', { own: 5000, shared: [] })).toThrow('of one identity');
    account.keep('y', { own: 600, shared: [] });
    expect(() => account.keep('z', { own: 1, shared: [] })).toThrow('of one identity');
  });
});

/** A server to whose budget alone requests are subject, and a way to come back to it as Envoy does. */
function fleet(budget: Partial<Limits> = {}) {
  const server = createXdsServer({
    ...{ cache: createSnapshotCache(), authenticate: byName, observe: () => undefined, log: silentLog },
    clock: createFakeClock(),
    limits: { admittedAtOnce: 1e6, silentStreams: 1e6, workAtOnceMs: 1e9, ...budget },
  });
  const refused: CellwallError[] = [];
  let opened = 0;
  return {
    refused,
    comeBack(
      id: NodeId,
      subscribed: readonly (readonly [TypeUrl, wanted: readonly string[], has: readonly string[]])[],
    ) {
      opened++;
      const peer = { address: `10.0.${opened >> 8}.${opened & 255}` };
      const stream = server.open(
        { peer, write: () => undefined, rest: () => undefined, end: (error) => void refused.push(error) },
        'delta',
      );
      for (const [typeUrl, resourceNamesSubscribe, has] of subscribed) {
        const initialResourceVersions = Object.fromEntries(has.map((name) => [name, '0123456789abcdef']));
        const init = {
          ...{ node: { id }, typeUrl, initialResourceVersions },
          resourceNamesSubscribe: [...resourceNamesSubscribe],
        };
        stream.request(toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, init)));
      }
    },
  };
}

test('a fleet of one service comes back with all that it has, and nobody is refused', () => {
  const { refused, comeBack } = fleet();
  const names = Array.from({ length: 200 }, (_, index) => `outbound|8080||service-${index}.svc.cluster.local`);
  for (let index = 0; index < 500; index++) {
    // Each Envoy process lists them in an order of its own.
    const order = names.map((_, at) => names[(at * 7 + index * 13) % names.length] ?? '');
    comeBack(nodeOf('a', index), [
      [typeUrls.cluster, order, order],
      [typeUrls.endpoint, order, order],
    ]);
  }
  expect(refused).toEqual([]);
});

test('as many dependencies as documents may have by default come back, each service with others, and nobody is refused', () => {
  // A fifth of the dependencies that there may be, and a fifth of the budget.
  const part = 5;
  const [services, each] = [200, limitKinds.resources.default / part / 200];
  const { refused, comeBack } = fleet({ allBytes: defaultLimits.allBytes / part });
  for (let index = 0; index < services; index++) {
    const targets = Array.from({ length: each }, (_, at) => `service-with-a-long-name-${index}-${at}/http`);
    const outbound = targets.map((target) => `outbound:${target}`);
    comeBack(nodeOf(`s${index}`, 0), [
      [typeUrls.cluster, ['*'], outbound],
      [typeUrls.endpoint, targets, targets],
      [typeUrls.listener, ['*'], outbound],
      [typeUrls.route, outbound, outbound],
    ]);
  }
  expect(refused).toEqual([]);
});
