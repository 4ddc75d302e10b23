// A service whose allow rules become many and few again changes two resources at once: the tree in one filter, and what takes its result
// in another. On a real Envoy with two workers, under load: whoever both states allow is allowed all the time, and whom neither allows is
// never let through.
import { toBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { NodeId } from '../../src/lib/node-id.ts';
import type { MeshIr } from '../../src/policy/ir.ts';
import type { ProxyShape } from '../../src/translate/proxy.ts';
import { translate } from '../../src/translate/translate.ts';
import { createInterner } from '../../src/xds/resources/interner.ts';
import type { Snapshot } from '../../src/xds/resources/snapshot.ts';
import { isTypeUrl, typeUrls } from '../../src/xds/resources/type-url.ts';
import { adsBootstrap } from '../support/ads-bootstrap.ts';
import { type EchoApplication, startHttp1Echo } from '../support/echo-application.ts';
import { meshOf } from '../support/resolve-text.ts';
import { type RunningEnvoy, startEnvoy } from '../support/start-envoy.ts';
import { steadyCalls } from '../support/steady-calls.ts';
import { createTestCa, type TestCa, type TestCertificate } from '../support/test-ca.ts';
import { svidSecret } from '../support/translated-proxy.ts';
import { api, testId } from '../support/wall-pair.ts';
import { collect, until } from '../xds/envoy-fixture.ts';
import { type Fixture, nodeKey, startXds } from '../xds/xds-fixture.ts';
import { idOf, meshDocument, policyDocument, serviceDocument } from './mesh-text.ts';

/** Each kind of crossing, there and back again. */
const rounds = Number(process.env.CELLWALL_CROSSINGS ?? 12) / 2;

const mayOpen = `{from: [{spiffeId: "${idOf('web', 'cell-1')}"}], to: [{path: {exact: /open/1}}]}`;
const mayOpenAny = `{from: [{spiffeId: "${idOf('web', 'cell-1')}"}], to: [{path: {template: "/open/{id}"}}]}`;
const mayDoAll = `{from: [{spiffeId: "${idOf('web', 'cell-1')}"}]}`;

function meshWith(count: number, { rule = mayOpen, more = '' } = {}): MeshIr {
  const others = Array.from(
    { length: count - 1 },
    (_, index) => `{from: [{spiffeId: "${idOf(`nobody-${index}`, 'cell-1')}"}], to: [{path: {prefix: /}}]}`,
  );
  const rules = [...others, rule].join(', ');
  return meshOf(
    meshDocument('strict') +
      serviceDocument('api', 'cell-1', '{protocol: http1}') +
      policyDocument('api', 'cell-1', `{target: {service: api}, action: allow, rules: [${rules}]}`) +
      more,
  );
}

const shadow = policyDocument(
  'later',
  'cell-1',
  '{target: {service: api}, action: deny, mode: shadow, rules: [{from: [{service: api}]}]}',
);

const denial = policyDocument(
  'closed',
  'cell-1',
  '{target: {service: api}, action: deny, rules: [{from: [{everyone: true}], to: [{path: {exact: /closed}}]}]}',
);

const crossings: readonly (readonly [name: string, from: MeshIr, to: MeshIr])[] = [
  ['63 and 65 rules', meshWith(63), meshWith(65)],
  ['a shadow policy comes and goes', meshWith(65), meshWith(65, { more: shadow })],
  ['a denial that becomes a narrower rule', meshWith(1, { rule: mayDoAll, more: denial }), meshWith(1)],
  ['a rule with a path, then with a template', meshWith(65), meshWith(65, { rule: mayOpenAny })],
];

describe.each(['DELTA_GRPC', 'GRPC'] as const)('%s', (apiType) => {
  const interner = createInterner();
  let ca: TestCa;
  let application: EchoApplication;
  let xds: Fixture;
  let envoy: RunningEnvoy;
  let own: TestCertificate;
  let svid: TestCertificate;
  let revision = 0;

  beforeAll(async () => {
    ca = await createTestCa();
    application = await startHttp1Echo();
    own = await ca.issue({ uri: idOf('api', 'cell-1') });
    svid = await ca.issue({ uri: idOf('web', 'cell-1') });
    xds = await startXds();
    const bootstrap = adsBootstrap({ node: nodeKey, port: xds.port, apiType });
    envoy = await startEnvoy(bootstrap, ['--concurrency', '2']);
  });
  afterAll(async () => {
    await envoy?.stop();
    await xds?.close();
    await application?.stop();
  });

  function snapshotOf(mesh: MeshIr): Snapshot {
    const shape: ProxyShape = {
      spiffeId: testId('api'),
      service: api,
      ports: [{ name: 'default', inbound: { address: '127.0.0.1', port: 0 }, application }],
    };
    const bundles = { roots: ca.root, legacyAnchors: new Map<string, string>() };
    const all = [...translate(mesh, new Map(), bundles, shape), svidSecret(shape.spiffeId, own)];
    const encoded = all.map(({ typeUrl, name, schema, message }) => {
      if (!isTypeUrl(typeUrl)) throw new Error(typeUrl);
      return interner.encode(typeUrl, name, toBinary(schema, message));
    });
    return collect(++revision, encoded);
  }

  /** Until it has accepted every extension config of it. */
  async function push(mesh: MeshIr): Promise<void> {
    const next = snapshotOf(mesh);
    xds.events.length = 0;
    xds.cache.set(nodeKey satisfies NodeId, next);
    await until(`revision ${next.revision} is accepted`, () => {
      const of = (kind: 'sent' | 'acked'): number =>
        xds.events.filter((event) => event.kind === kind && event.typeUrl === typeUrls.extension).length;
      return of('sent') > 0 && of('acked') === of('sent');
    });
  }

  test.each(crossings)('%s', { timeout: 120_000 }, async (_, from, to) => {
    await push(meshWith(1));
    await push(from);
    const load = steadyCalls({ port: await envoy.port('inbound'), svid, allowed: '/open/1', denied: '/closed' });
    const some = async (): Promise<void> => {
      const goal = load.fewest() + 4;
      await until('calls on every connection', () => load.fewest() >= goal);
    };
    await some();
    for (let round = 0; round < rounds; round++) {
      for (const mesh of [to, from]) {
        await push(mesh);
        await some();
      }
    }
    const { calls, lost, leaked } = await load.stop();
    expect(calls).toBeGreaterThan(rounds * 40);
    expect({ lost, leaked }).toEqual({ lost: {}, leaked: 0 });
  });
});
