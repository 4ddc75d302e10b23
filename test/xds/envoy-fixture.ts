// What the tests with a real Envoy share: its bootstrap, the resources it is served, and ways to ask it.
import { request as httpRequest } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { type Any, anyPack } from '@bufbuild/protobuf/wkt';
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
import { createInterner } from '../../src/xds/resources/interner.ts';
import type { EncodedResource, Snapshot } from '../../src/xds/resources/snapshot.ts';
import { type TypeUrl, typeUrls } from '../../src/xds/resources/type-url.ts';
import type { RunningEnvoy } from '../support/start-envoy.ts';

const interner = createInterner();
export const ads: ConfigSource = create(ConfigSourceSchema, {
  resourceApiVersion: ApiVersion.V3,
  configSourceSpecifier: { case: 'ads', value: create(AggregatedConfigSourceSchema) },
});

export function any<Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc>): Any {
  return anyPack(schema, create(schema, init));
}

export function encode<Desc extends DescMessage>(
  type: TypeUrl,
  name: string,
  schema: Desc,
  init: MessageInitShape<Desc>,
) {
  return interner.encode(type, name, toBinary(schema, create(schema, init)));
}

/** A listener whose route leads to `backend`, behind an RBAC filter delivered by ECDS. */
export function snapshot(
  revision: number,
  backend: number,
  action: RBAC_Action,
  {
    cluster = 'backend',
    statPrefix = 'in',
    more = [],
  }: {
    readonly cluster?: string;
    readonly statPrefix?: string;
    /** More filters of the listener, by name: one that Envoy takes, or rejects. */
    readonly more?: readonly (readonly [name: string, kind: 'good' | 'bad'])[];
  } = {},
): Snapshot {
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
                  statPrefix,
                  routeSpecifier: { case: 'rds', value: { routeConfigName: 'route', configSource: ads } },
                  httpFilters: [
                    ...['authz', ...more.map(([name]) => name)].map((name) => ({
                      name,
                      configType: {
                        case: 'configDiscovery' as const,
                        value: {
                          configSource: ads,
                          typeUrls: ['type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC'],
                        },
                      },
                    })),
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
    ...more.map(([name, kind]) =>
      encode(typeUrls.extension, name, TypedExtensionConfigSchema, {
        name,
        typedConfig: any(RBACSchema, {
          // Envoy's validation wants a permission in each policy.
          rules: { action: RBAC_Action.DENY, policies: kind === 'good' ? {} : { bad: {} } },
        }),
      }),
    ),
  ];
  return collect(revision, all);
}

export function collect(revision: number, all: readonly EncodedResource[]): Snapshot {
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

/** The status of a request on a new connection; 0 if there was no answer. */
export function get(port: number): Promise<number> {
  return new Promise((resolve) => {
    httpRequest({ host: '127.0.0.1', port, path: '/', agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    })
      .on('error', () => resolve(0))
      .end();
  });
}

export async function until(what: string, probe: () => Promise<boolean> | boolean): Promise<void> {
  const end = performance.now() + 15_000;
  while (!(await probe())) {
    if (performance.now() > end) throw new Error(`not within 15 s: ${what}`);
    await delay(10);
  }
}

export async function stat(envoy: RunningEnvoy, name: string): Promise<number> {
  const text = await (await fetch(`${envoy.admin}/stats?filter=^${name}$`)).text();
  return Number(text.split(': ')[1] ?? Number.NaN);
}
