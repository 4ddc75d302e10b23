// What every server of a race serves, as a file: 50 clusters with their endpoints, 20 listeners (mTLS by SDS, a route, an RBAC filter by
// ECDS) with theirs, and two secrets of its own for each proxy. The first resource of each type holds a marker of fixed length, by which
// a changed one is told from others.
import { writeFileSync } from 'node:fs';
import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { Cluster_DiscoveryType, ClusterSchema } from '#gen/envoy/config/cluster/v3/cluster_pb.js';
import {
  AggregatedConfigSourceSchema,
  ApiVersion,
  type ConfigSourceSchema,
} from '#gen/envoy/config/core/v3/config_source_pb.js';
import { TypedExtensionConfigSchema } from '#gen/envoy/config/core/v3/extension_pb.js';
import { ClusterLoadAssignmentSchema } from '#gen/envoy/config/endpoint/v3/endpoint_pb.js';
import { ListenerSchema } from '#gen/envoy/config/listener/v3/listener_pb.js';
import { RBAC_Action } from '#gen/envoy/config/rbac/v3/rbac_pb.js';
import { RouteConfigurationSchema } from '#gen/envoy/config/route/v3/route_pb.js';
import { RBACSchema } from '#gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import { RouterSchema } from '#gen/envoy/extensions/filters/http/router/v3/router_pb.js';
import { HttpConnectionManagerSchema } from '#gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import {
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from '#gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import { type TypeUrl, typeUrls } from '../../src/xds/resources/type-url.ts';

export type Kind = 'CDS' | 'EDS' | 'LDS' | 'RDS' | 'ECDS';

export interface Workload {
  /** In the first resource of each type, and in every secret; replaced by one of the same length. */
  readonly marker: string;
  readonly types: readonly {
    readonly kind: Kind;
    readonly typeUrl: TypeUrl;
    /** Base64. */
    readonly resources: readonly { readonly name: string; readonly value: string }[];
  }[];
  readonly secrets: {
    readonly typeUrl: TypeUrl;
    readonly names: readonly string[];
    /** Texts as long as those of a P-256 certificate and its key; `node-00000000` and the marker are replaced. */
    readonly chain: string;
    readonly key: string;
  };
}

/** As long as that of any generation. */
export const markerOf = (generation: number): string => `gen-${String(generation).padStart(8, '0')}`;
export const nodeMark = (node: number): string => `node-${String(node).padStart(8, '0')}`;

const [clusterCount, listenerCount, policyCount, principalCount] = [50, 20, 8, 4];
const secretNames = ['svid-a', 'svid-b'] as const;
const ads: MessageInitShape<typeof ConfigSourceSchema> = {
  resourceApiVersion: ApiVersion.V3,
  configSourceSpecifier: { case: 'ads', value: create(AggregatedConfigSourceSchema) },
};

const bytes = <Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc>): Uint8Array =>
  toBinary(schema, create(schema, init));
const typed = <Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc>) => ({
  case: 'typedConfig' as const,
  value: anyPack(schema, create(schema, init)),
});
const clusterName = (i: number): string => `outbound|8080||svc-${i}.team-${i % 7}.svc.cluster.local`;
const secretOf = (i: number): string => secretNames[i % 2] ?? '';
/** Of the first of a type only. */
const mark = (i: number): string => (i === 0 ? markerOf(0) : 'always');
const address = (host: string, port: number) => ({
  address: {
    case: 'socketAddress' as const,
    value: { address: host, portSpecifier: { case: 'portValue' as const, value: port } },
  },
});

function cluster(i: number): Uint8Array {
  return bytes(ClusterSchema, {
    name: clusterName(i),
    altStatName: mark(i),
    connectTimeout: { seconds: 5n },
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: { edsConfig: ads },
    transportSocket: {
      name: 'tls',
      configType: typed(UpstreamTlsContextSchema, {
        sni: `svc-${i}.team-${i % 7}.svc.cluster.local`,
        commonTlsContext: {
          alpnProtocols: ['h2'],
          tlsCertificateSdsSecretConfigs: [{ name: secretOf(i), sdsConfig: ads }],
        },
      }),
    },
  });
}

function endpoints(i: number): Uint8Array {
  const lbEndpoints = [0, 1, 2].map((j) => ({
    hostIdentifier: { case: 'endpoint' as const, value: { address: address(`10.${i}.${j}.10`, 8080) } },
    loadBalancingWeight: 1,
  }));
  return bytes(ClusterLoadAssignmentSchema, {
    clusterName: clusterName(i),
    endpoints: [{ locality: { region: 'r1', zone: mark(i) }, lbEndpoints, loadBalancingWeight: 3 }],
  });
}

function listener(i: number): Uint8Array {
  const manager = {
    statPrefix: `in-${i}-${mark(i)}`,
    routeSpecifier: { case: 'rds' as const, value: { routeConfigName: `route-${i}`, configSource: ads } },
    httpFilters: [
      {
        name: `authz-${i}`,
        configType: {
          case: 'configDiscovery' as const,
          value: { configSource: ads, typeUrls: ['type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC'] },
        },
      },
      { name: 'router', configType: typed(RouterSchema, {}) },
    ],
  };
  const tls = {
    requireClientCertificate: true,
    commonTlsContext: {
      alpnProtocols: ['h2', 'http/1.1'],
      tlsCertificateSdsSecretConfigs: [{ name: secretOf(i), sdsConfig: ads }],
    },
  };
  return bytes(ListenerSchema, {
    name: `listener-${i}`,
    address: address('0.0.0.0', 10_000 + i),
    filterChains: [
      {
        transportSocket: { name: 'tls', configType: typed(DownstreamTlsContextSchema, tls) },
        filters: [{ name: 'http', configType: typed(HttpConnectionManagerSchema, manager) }],
      },
    ],
  });
}

function route(i: number): Uint8Array {
  const routes = [0, 1, 2].map((r) => ({
    match: { pathSpecifier: { case: 'prefix' as const, value: `/svc/${r}/${mark(i)}/` } },
    action: {
      case: 'route' as const,
      value: {
        clusterSpecifier: { case: 'cluster' as const, value: clusterName((i * 3 + r) % clusterCount) },
        timeout: { seconds: 15n },
      },
    },
  }));
  const virtualHosts = [0, 1].map((v) => ({
    name: `vh-${v}`,
    domains: [`svc-${i}-${v}.mesh`, `svc-${i}-${v}.mesh:8080`],
    routes,
  }));
  return bytes(RouteConfigurationSchema, { name: `route-${i}`, virtualHosts });
}

function rbac(i: number): Uint8Array {
  const exact = (value: string) => ({ matchPattern: { case: 'exact' as const, value } });
  const policies = Array.from({ length: policyCount }, (_, p) => [
    `allow-team-${p}-${mark(i)}`,
    {
      principals: Array.from({ length: principalCount }, (_, q) => ({
        identifier: {
          case: 'authenticated' as const,
          value: { principalName: exact(`spiffe://mesh.example/ns/team-${p}/sa/client-${i}-${q}`) },
        },
      })),
      permissions: [
        {
          rule: {
            case: 'urlPath' as const,
            value: {
              rule: {
                case: 'path' as const,
                value: { matchPattern: { case: 'prefix' as const, value: `/api/v${p}/` } },
              },
            },
          },
        },
      ],
    },
  ]);
  return bytes(TypedExtensionConfigSchema, {
    name: `authz-${i}`,
    typedConfig: anyPack(
      RBACSchema,
      create(RBACSchema, { rules: { action: RBAC_Action.ALLOW, policies: Object.fromEntries(policies) } }),
    ),
  });
}

function many(
  kind: Kind,
  typeUrl: TypeUrl,
  count: number,
  nameOf: (i: number) => string,
  make: (i: number) => Uint8Array,
): Workload['types'][number] {
  const resources = Array.from({ length: count }, (_, i) => ({
    name: nameOf(i),
    value: Buffer.from(make(i)).toString('base64'),
  }));
  return { kind, typeUrl, resources };
}

export function writeWorkload(path: string): void {
  const text = (what: string, length: number): string =>
    `-----${what} ${nodeMark(0)} ${markerOf(0)}-----\n`.padEnd(length, 'MIIBzTCCAXOgAwIBAgI');
  const workload: Workload = {
    marker: markerOf(0),
    types: [
      many('CDS', typeUrls.cluster, clusterCount, clusterName, cluster),
      many('EDS', typeUrls.endpoint, clusterCount, clusterName, endpoints),
      many('LDS', typeUrls.listener, listenerCount, (i) => `listener-${i}`, listener),
      many('RDS', typeUrls.route, listenerCount, (i) => `route-${i}`, route),
      many('ECDS', typeUrls.extension, listenerCount, (i) => `authz-${i}`, rbac),
    ],
    secrets: { typeUrl: typeUrls.secret, names: secretNames, chain: text('CERTIFICATE', 760), key: text('KEY', 241) },
  };
  writeFileSync(path, JSON.stringify(workload));
}
