// A real Envoy over mTLS, in both variants: all six types, answered requests, a changed ECDS filter, a restart.

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { type Any, anyPack } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Cluster_DiscoveryType, ClusterSchema } from '#gen/envoy/config/cluster/v3/cluster_pb.js';
import {
  AggregatedConfigSourceSchema,
  ApiVersion,
  type ConfigSource,
  ConfigSourceSchema,
} from '#gen/envoy/config/core/v3/config_source_pb.js';
import { TypedExtensionConfigSchema } from '#gen/envoy/config/core/v3/extension_pb.js';
import { ClusterLoadAssignmentSchema } from '#gen/envoy/config/endpoint/v3/endpoint_pb.js';
import { ListenerSchema } from '#gen/envoy/config/listener/v3/listener_pb.js';
import { RBAC_Action } from '#gen/envoy/config/rbac/v3/rbac_pb.js';
import { RouteConfigurationSchema } from '#gen/envoy/config/route/v3/route_pb.js';
import { RBACSchema } from '#gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import { RouterSchema } from '#gen/envoy/extensions/filters/http/router/v3/router_pb.js';
import { HttpConnectionManagerSchema } from '#gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { Redacted } from '../../src/lib/redacted.ts';
import { createInterner } from '../../src/xds/interner.ts';
import type { StreamEvent } from '../../src/xds/observer.ts';
import type { EncodedResource, Snapshot } from '../../src/xds/snapshot.ts';
import { type TypeUrl, typeUrls } from '../../src/xds/type-url.ts';
import { type RunningEnvoy, startEnvoy } from '../support/start-envoy.ts';
import { createTestCa, type TestCa, writeTestCertificate } from '../support/test-ca.ts';
import { byName, type Fixture, nodeKey, startXds } from './xds-fixture.ts';

const interner = createInterner();
const ads: ConfigSource = create(ConfigSourceSchema, {
  resourceApiVersion: ApiVersion.V3,
  configSourceSpecifier: { case: 'ads', value: create(AggregatedConfigSourceSchema) },
});

function any<Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc>): Any {
  return anyPack(schema, create(schema, init));
}

function encode<Desc extends DescMessage>(type: TypeUrl, name: string, schema: Desc, init: MessageInitShape<Desc>) {
  return interner.encode(type, name, toBinary(schema, create(schema, init)));
}

/** A listener whose route leads to `backend`, behind an RBAC filter delivered by ECDS. */
function snapshot(revision: number, backend: number, action: RBAC_Action, cluster = 'backend'): Snapshot {
  const all: EncodedResource[] = [
    encode(typeUrls.cluster, cluster, ClusterSchema, {
      name: cluster,
      clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS },
      edsClusterConfig: { edsConfig: ads },
    }),
    encode(typeUrls.endpoint, cluster, ClusterLoadAssignmentSchema, {
      clusterName: cluster,
      endpoints: [{ lbEndpoints: [{ hostIdentifier: { case: 'endpoint', value: { address: socket(backend) } } }] }],
    }),
    encode(typeUrls.listener, 'in', ListenerSchema, {
      name: 'in',
      address: socket(0),
      filterChains: [
        {
          filters: [
            {
              name: 'hcm',
              configType: {
                case: 'typedConfig',
                value: any(HttpConnectionManagerSchema, {
                  statPrefix: 'in',
                  routeSpecifier: { case: 'rds', value: { routeConfigName: 'route', configSource: ads } },
                  httpFilters: [
                    {
                      name: 'authz',
                      configType: {
                        case: 'configDiscovery',
                        value: {
                          configSource: ads,
                          typeUrls: ['type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC'],
                        },
                      },
                    },
                    { name: 'router', configType: { case: 'typedConfig', value: any(RouterSchema, {}) } },
                  ],
                }),
              },
            },
          ],
        },
      ],
    }),
    encode(typeUrls.route, 'route', RouteConfigurationSchema, {
      name: 'route',
      virtualHosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [
            {
              match: { pathSpecifier: { case: 'prefix', value: '/' } },
              action: { case: 'route', value: { clusterSpecifier: { case: 'cluster', value: cluster } } },
            },
          ],
        },
      ],
    }),
    encode(typeUrls.extension, 'authz', TypedExtensionConfigSchema, {
      name: 'authz',
      typedConfig: any(RBACSchema, { rules: { action, policies: {} } }),
    }),
  ];
  const resources = new Map<TypeUrl, Map<string, EncodedResource>>();
  for (const one of all) resources.set(one.typeUrl, (resources.get(one.typeUrl) ?? new Map()).set(one.name, one));
  return { revision, resources };
}

function socket(port: number) {
  return {
    address: {
      case: 'socketAddress' as const,
      value: { address: '127.0.0.1', portSpecifier: { case: 'portValue' as const, value: port } },
    },
  };
}

function bootstrap(port: number, apiType: string, paths: ReturnType<typeof writeTestCertificate>): object {
  return {
    node: { id: nodeKey, cluster: 'test' },
    dynamic_resources: {
      ads_config: {
        api_type: apiType,
        transport_api_version: 'V3',
        grpc_services: [{ envoy_grpc: { cluster_name: 'cellwall' } }],
        set_node_on_first_message_only: true,
      },
      cds_config: { ads: {}, resource_api_version: 'V3' },
      lds_config: { ads: {}, resource_api_version: 'V3' },
    },
    static_resources: {
      clusters: [
        {
          name: 'cellwall',
          type: 'STATIC',
          connect_timeout: '1s',
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
              '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
          load_assignment: {
            cluster_name: 'cellwall',
            endpoints: [
              {
                lb_endpoints: [
                  { endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } } },
                ],
              },
            ],
          },
          transport_socket: {
            name: 'tls',
            typed_config: {
              '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
              common_tls_context: {
                tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' },
                tls_certificates: [
                  { certificate_chain: { filename: paths.certificate }, private_key: { filename: paths.key } },
                ],
                validation_context: { trusted_ca: { filename: paths.root } },
              },
            },
          },
        },
      ],
    },
  };
}

function get(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    httpRequest({ host: '127.0.0.1', port, path: '/', agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    })
      .on('error', reject)
      .end();
  });
}

async function until(what: string, probe: () => Promise<boolean> | boolean): Promise<void> {
  const end = performance.now() + 15_000;
  while (!(await probe())) {
    if (performance.now() > end) throw new Error(`not within 15 s: ${what}`);
    await delay(10);
  }
}

async function stat(envoy: RunningEnvoy, name: string): Promise<number> {
  const text = await (await fetch(`${envoy.admin}/stats?filter=^${name}$`)).text();
  return Number(text.split(': ')[1] ?? Number.NaN);
}

describe.each(['DELTA_GRPC', 'GRPC'])('%s', (apiType) => {
  let ca: TestCa;
  let xds: Fixture;
  let envoy: RunningEnvoy;
  let backend: Server;
  let folder: string;
  const seen: (Uint8Array | undefined)[] = [];

  beforeAll(async () => {
    ca = await createTestCa();
    folder = mkdtempSync(join(tmpdir(), 'cellwall-xds-'));
    const own = await ca.issue({ uri: 'spiffe://td/cellwall/server', ip: ['127.0.0.1'] });
    const paths = writeTestCertificate(folder, await ca.issue({ uri: 'spiffe://td/service/a' }));
    xds = await startXds({
      tls: { certificate: own.certificate, key: new Redacted(own.key), roots: ca.root },
      authenticate: (peer, claims) => {
        seen.push(peer.certificate);
        return byName(peer, claims);
      },
    });
    backend = createServer((_request, answer) => answer.end('fine'));
    await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
    envoy = await startEnvoy(bootstrap(xds.port, apiType, paths));
  });
  afterAll(async () => {
    await envoy?.stop();
    await xds?.close();
    backend?.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const port = () => (backend.address() as AddressInfo).port;
  const nacks = () => xds.events.filter((event: StreamEvent) => event.kind === 'nacked');
  const sent = (kind: keyof typeof typeUrls) =>
    xds.events.filter((event) => event.kind === 'sent' && event.typeUrl === typeUrls[kind]).length;

  test('1. is held while there is no snapshot', async () => {
    await until('a stream', () => xds.events.some(({ kind }) => kind === 'connected'));
    expect(xds.events.filter(({ kind }) => kind === 'sent')).toEqual([]);
    expect(seen.every((certificate) => certificate !== undefined && certificate.length > 200)).toBe(true);
  });

  test('2. takes all types and serves', async () => {
    xds.cache.set(nodeKey, snapshot(1, port(), RBAC_Action.DENY));
    const listening = await envoy.port('in');
    await until('200', async () => (await get(listening)) === 200);
    expect(nacks()).toEqual([]);
    expect(await stat(envoy, 'cluster_manager.cds.update_success')).toBeGreaterThan(0);
    expect(await stat(envoy, 'listener_manager.lds.update_success')).toBeGreaterThan(0);
    expect(await stat(envoy, 'cluster_manager.cds.update_rejected')).toBe(0);
    expect(await stat(envoy, 'listener_manager.lds.update_rejected')).toBe(0);
    expect(await stat(envoy, 'control_plane.connected_state')).toBe(1);
  });

  test('3. enforces a changed ECDS filter, and nothing else is sent', async () => {
    const listening = await envoy.port('in');
    const before = { cluster: sent('cluster'), listener: sent('listener'), extension: sent('extension') };
    xds.cache.set(nodeKey, snapshot(2, port(), RBAC_Action.ALLOW));
    await until('403', async () => (await get(listening)) === 403);
    xds.cache.set(nodeKey, snapshot(3, port(), RBAC_Action.DENY));
    await until('200', async () => (await get(listening)) === 200);
    expect({ cluster: sent('cluster'), listener: sent('listener'), extension: sent('extension') }).toEqual({
      ...before,
      extension: before.extension + 2,
    });
  });

  test('4. swaps a cluster without a failed request', async () => {
    const listening = await envoy.port('in');
    let swapped = false;
    const statuses: number[] = [];
    const load = (async () => {
      while (!swapped) statuses.push(await get(listening));
    })();
    xds.cache.set(nodeKey, snapshot(4, port(), RBAC_Action.DENY, 'other'));
    await until(
      'the old cluster to go',
      async () => !(await (await fetch(`${envoy.admin}/clusters`)).text()).includes('backend::'),
    );
    swapped = true;
    await load;
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(nacks()).toEqual([]);
  });

  test('5. a restarted control plane sends nothing again', async () => {
    await until('all answered', () => {
      const count = (kind: string) => xds.events.filter((event) => event.kind === kind).length;
      return count('sent') === count('acked');
    });
    const was = xds.port;
    const own = await ca.issue({ uri: 'spiffe://td/cellwall/server', ip: ['127.0.0.1'] });
    await xds.close();
    xds = await startXds({
      address: `127.0.0.1:${was}`,
      tls: { certificate: own.certificate, key: new Redacted(own.key), roots: ca.root },
    });
    xds.cache.set(nodeKey, snapshot(4, port(), RBAC_Action.DENY, 'other'));
    await until('a stream', () => xds.events.some(({ kind }) => kind === 'connected'));
    // A new resource is the sign that everything before it was handled.
    xds.cache.set(nodeKey, snapshot(5, port(), RBAC_Action.ALLOW, 'other'));
    const listening = await envoy.port('in');
    await until('403', async () => (await get(listening)) === 403);
    const types = xds.events.flatMap((event) => (event.kind === 'sent' ? [event.typeUrl] : []));
    expect(types).toEqual([typeUrls.extension]);
  });
});
