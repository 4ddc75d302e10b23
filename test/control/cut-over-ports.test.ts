// The gate and the record of a service with a gRPC and a REST port: everything that is held against strict says which of the two it is of.
import { create } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { AccessLogCommonSchema } from '#gen/envoy/data/accesslog/v3/accesslog_pb.js';
import { createCutOver } from '../../src/cutover/cut-over.ts';
import type { CutOverReason } from '../../src/cutover/cut-over-reason.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createCoverage } from '../../src/observe/coverage.ts';
import { createHandshakes } from '../../src/observe/handshakes.ts';
import { createTraffic } from '../../src/observe/traffic.ts';
import type { Call } from '../../src/observe/traffic-count.ts';
import type { MeshIr } from '../../src/policy/ir.ts';
import type { ProxyStatus } from '../../src/registry/proxy-status.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createMemoryTable } from '../support/memory-table.ts';
import { meshOf, meshText, policyText, serviceText, yaml } from '../support/resolve-text.ts';

const hour = 3_600_000;
const node = 'spiffe://td1/service/topology~a';
const ports = '[{name: grpc, protocol: grpc}, {name: rest, protocol: http1}]';
const topology = (mode: string, dependsOn: string): MeshIr =>
  meshOf(
    yaml(
      meshText(),
      `kind: Service\nmetadata: {name: topology}\nspec: {ports: ${ports}, mtls: {mode: ${mode}}}`,
      serviceText('web', 'http1', `, dependsOn: [${dependsOn}]`),
      policyText('calls', 'topology', 'allow', '[{from: [{service: web}, {anonymous: true}]}]'),
    ),
  );
const onGrpc = '{service: topology, port: grpc, listen: 9000}';
const onRest = '{service: topology, port: rest, listen: 9001}';

const proxyOf = (service: string, more: Partial<ProxyStatus> = {}): ProxyStatus => ({
  node: `spiffe://td1/service/${service}~a`,
  spiffeId: `spiffe://td1/service/${service}` as ProxyStatus['spiffeId'],
  service: service as NonNullable<ProxyStatus['service']>,
  state: 'connected',
  since: 0,
  ready: true,
  types: ['Listener', 'Cluster'].map((name) => ({ typeUrl: `x.${name}`, sentRevision: 2, ackedRevision: 2 })),
  ...more,
});
const application = (port: number) => ({ address: '127.0.0.1', port });
const proxies = [
  proxyOf('web'),
  proxyOf('topology', {
    ports: [
      { name: 'grpc', inbound: { address: '10.0.0.5', port: 8443 }, application: application(9090) },
      { name: 'rest', inbound: { address: '10.0.0.5', port: 8444 }, application: application(8080) },
    ],
  }),
];

/** A record of two hours of both ports. */
async function gate() {
  const clock = createFakeClock();
  const traffic = createTraffic({ clock });
  const coverage = createCoverage({ table: createMemoryTable(), clock, log: silentLog });
  const handshakes = createHandshakes({ clock, table: createMemoryTable() });
  coverage.connected(node, 'topology');
  coverage.serves(new Set(['topology:grpc', 'topology:rest']), () => true);
  clock.advance(2 * hour);
  const judge = async (around?: number, before = `${onGrpc}, ${onRest}`): Promise<readonly CutOverReason[]> =>
    createCutOver({
      traffic,
      coverage,
      handshakes,
      proxies: () => proxies,
      probe: async (place) =>
        around !== undefined &&
        place.application !== undefined &&
        'port' in place.application &&
        place.application.port === around
          ? { address: '10.0.0.5', port: around }
          : undefined,
      clock,
    }).judge(topology('permissive', before), topology('strict', `${onGrpc}, ${onRest}`), hour);
  return { clock, traffic, coverage, handshakes, judge };
}

const call = (port: string, who: Pick<Call, 'caller' | 'principal' | 'peer' | 'shadow'>): Call => ({
  service: 'topology',
  port,
  method: 'POST',
  path: { kind: 'exact', path: '/v1/classify' },
  decision: 'allowed',
  ...who,
});
const plaintext = (port: string): Call => call(port, { caller: 'plaintext', peer: '10.0.0.9' });
const web = { caller: 'mtls', principal: 'spiffe://td1/service/web' } as const;

it('has nothing against it when both ports are known and nobody comes without an identity', async () => {
  const { judge, traffic } = await gate();
  traffic.record(call('rest', web));
  expect(await judge()).toEqual([]);
});

it('names the port on which somebody would be denied, or would be by a shadow policy, or could not shake hands', async () => {
  const { judge, traffic, handshakes } = await gate();
  traffic.record(plaintext('rest'), 3);
  expect(await judge()).toMatchObject([{ service: 'topology', port: 'rest', kind: 'caller', count: 3 }]);
  traffic.record(plaintext('grpc'));
  // One caller, one path, and two counts: of each port its own.
  expect(traffic.counts().map(({ port, count }) => [port, count])).toEqual([
    ['rest', 3],
    ['grpc', 1],
  ]);
  expect((await judge()).map(({ kind, port }) => `${kind} ${port}`).sort()).toEqual(['caller grpc', 'caller rest']);
  traffic.record(call('grpc', { ...web, shadow: { decision: 'denied' } }));
  handshakes.record(
    { service: 'topology', port: 'rest' },
    create(AccessLogCommonSchema, {
      downstreamTransportFailureReason:
        'TLS_error:|268435581:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:TLS_error_end',
      downstreamDirectRemoteAddress: { address: { case: 'socketAddress', value: { address: '10.0.0.8' } } },
    }),
  );
  expect((await judge()).map(({ kind, port }) => `${kind} ${port}`).sort()).toEqual([
    'caller grpc',
    'caller rest',
    'handshake rest',
    'shadow grpc',
  ]);
});

it('names the port whose application answers beside its sidecar', async () => {
  const { judge } = await gate();
  expect(await judge(8080)).toMatchObject([
    { service: 'topology', port: 'rest', kind: 'application', who: '10.0.0.5:8080' },
  ]);
  expect(await judge(9090)).toMatchObject([{ service: 'topology', port: 'grpc', kind: 'application' }]);
});

it('names the port that is recorded for a shorter time than is asked for, until it is not', async () => {
  const { judge, coverage, clock } = await gate();
  coverage.serves(new Set(['topology:grpc']), (key) => key === 'topology:grpc');
  coverage.serves(new Set(['topology:grpc', 'topology:rest']), () => true);
  expect(await judge()).toMatchObject([
    { service: 'topology', port: 'rest', kind: 'record', who: 'topology', lastSeen: clock.now() },
  ]);
  clock.advance(hour);
  expect(await judge()).toEqual([]);
});

it('waits for a caller that begins to depend on one more port of it in the same change', async () => {
  const { judge } = await gate();
  expect(await judge(undefined, onGrpc)).toMatchObject([{ service: 'topology', kind: 'client-half', who: 'web' }]);
});
