// The resources that the suite gives a server: real Envoy messages, as some servers decode them, each with a text that tells
// versions apart. A cluster refers to the endpoints of its name; a listener to the route, secret and extension config of its.
import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { anyPack, StringValueSchema } from '@bufbuild/protobuf/wkt';
import { Cluster_DiscoveryType, ClusterSchema } from '#gen/envoy/config/cluster/v3/cluster_pb.js';
import type { ConfigSourceSchema } from '#gen/envoy/config/core/v3/config_source_pb.js';
import { TypedExtensionConfigSchema } from '#gen/envoy/config/core/v3/extension_pb.js';
import { ClusterLoadAssignmentSchema } from '#gen/envoy/config/endpoint/v3/endpoint_pb.js';
import { ListenerSchema } from '#gen/envoy/config/listener/v3/listener_pb.js';
import { RouteConfigurationSchema } from '#gen/envoy/config/route/v3/route_pb.js';
import { HttpConnectionManagerSchema } from '#gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { SecretSchema } from '#gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { DownstreamTlsContextSchema } from '#gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import type { Kind } from './variant.ts';

/** Per type, name → text. */
export type Contents = Partial<Record<Kind, Readonly<Record<string, string>>>>;

export interface Decoded {
  readonly name: string;
  readonly text: string;
}

interface Codec {
  readonly encode: (name: string, text: string) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => Decoded;
}

const ads = {
  configSourceSpecifier: { case: 'ads', value: {} },
  resourceApiVersion: 2,
} as const satisfies MessageInitShape<typeof ConfigSourceSchema>;

export const codecs: Readonly<Record<Kind, Codec>> = {
  cluster: codec(
    ClusterSchema,
    (name, text) => ({
      name,
      altStatName: text,
      clusterDiscoveryType: { case: 'type' as const, value: Cluster_DiscoveryType.EDS },
      edsClusterConfig: { edsConfig: ads },
    }),
    ({ name, altStatName }) => ({ name, text: altStatName }),
  ),
  endpoint: codec(
    ClusterLoadAssignmentSchema,
    (clusterName, zone) => ({ clusterName, endpoints: [{ locality: { zone } }] }),
    ({ clusterName, endpoints }) => ({ name: clusterName, text: endpoints[0]?.locality?.zone ?? '' }),
  ),
  secret: codec(
    SecretSchema,
    (name, text) => ({
      name,
      type: {
        case: 'genericSecret' as const,
        value: { secret: { specifier: { case: 'inlineString' as const, value: text } } },
      },
    }),
    ({ name, type }) => {
      const value = type.case === 'genericSecret' ? type.value.secret?.specifier.value : undefined;
      return { name, text: typeof value === 'string' ? value : '' };
    },
  ),
  listener: codec(ListenerSchema, listener, ({ name, statPrefix }) => ({ name, text: statPrefix })),
  route: codec(
    RouteConfigurationSchema,
    (name, text) => ({ name, internalOnlyHeaders: [text] }),
    ({ name, internalOnlyHeaders }) => ({ name, text: internalOnlyHeaders[0] ?? '' }),
  ),
  extension: codec(
    TypedExtensionConfigSchema,
    (name, text) => ({ name, typedConfig: anyPack(StringValueSchema, create(StringValueSchema, { value: text })) }),
    ({ name, typedConfig }) => ({
      name,
      text: fromBinary(StringValueSchema, typedConfig?.value ?? new Uint8Array()).value,
    }),
  ),
};

function codec<Schema extends DescMessage>(
  schema: Schema,
  make: (name: string, text: string) => MessageInitShape<Schema>,
  read: (message: ReturnType<typeof fromBinary<Schema>>) => Decoded,
): Codec {
  return {
    encode: (name, text) => toBinary(schema, create(schema, make(name, text))),
    decode: (bytes) => read(fromBinary(schema, bytes)),
  };
}

/** Whose text is `anew` refers to what it names by another config source. */
function listener(name: string, text: string): MessageInitShape<typeof ListenerSchema> {
  const source = text === 'anew' ? { ...ads, initialFetchTimeout: { seconds: 14n } } : ads;
  const manager = create(HttpConnectionManagerSchema, {
    statPrefix: text,
    routeSpecifier: { case: 'rds', value: { routeConfigName: name, configSource: source } },
    httpFilters: [
      { name, configType: { case: 'configDiscovery', value: { configSource: source, typeUrls: ['any'] } } },
    ],
  });
  const tls = create(DownstreamTlsContextSchema, {
    commonTlsContext: { tlsCertificateSdsSecretConfigs: [{ name, sdsConfig: source }] },
  });
  return {
    name,
    statPrefix: text,
    filterChains: [
      {
        filters: [
          { name: 'http', configType: { case: 'typedConfig', value: anyPack(HttpConnectionManagerSchema, manager) } },
        ],
        transportSocket: {
          name: 'tls',
          configType: { case: 'typedConfig', value: anyPack(DownstreamTlsContextSchema, tls) },
        },
      },
    ],
  };
}
