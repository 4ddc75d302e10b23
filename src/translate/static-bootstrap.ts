// A proxy's resources as one bootstrap without a control plane: what would be discovered is inlined where it is referred to. For asking
// Envoy about a configuration before anything runs.
import { type JsonValue, toJson } from '@bufbuild/protobuf';
import { controlPlaneCluster } from './names.ts';
import type { TranslatedResource } from './proxy.ts';
import { envoyRegistry } from './raw/envoy-registry.ts';
import type { JsonObject } from './raw/read-body.ts';

/** `secrets`: those that only a running control plane has, as Envoy's JSON. */
export function staticBootstrap(resources: readonly TranslatedResource[], secrets: readonly JsonObject[]): JsonObject {
  const types = new Map<string, Map<string, JsonObject>>();
  for (const { typeUrl, name, schema, message } of resources) {
    const type = typeUrl.slice(typeUrl.lastIndexOf('.') + 1);
    // A message's JSON is a mapping.
    const json = toJson(schema, message, { registry: envoyRegistry(), useProtoFieldName: true }) as JsonObject;
    types.set(type, (types.get(type) ?? new Map<string, JsonObject>()).set(name, json));
  }
  const all = (type: string): JsonObject[] => [...(types.get(type)?.values() ?? [])];
  const find = (type: string, name: JsonValue | undefined): JsonObject | undefined =>
    typeof name === 'string' ? types.get(type)?.get(name) : undefined;

  const inline = (value: JsonValue): JsonValue => {
    if (Array.isArray(value)) return value.map(inline);
    if (!isObject(value)) return value;
    const { rds, config_discovery, sds_config, eds_cluster_config, ...rest } = value;
    const result: JsonObject = Object.fromEntries(Object.entries(rest).map(([key, inner]) => [key, inline(inner)]));
    if (isObject(rds)) result['route_config'] = inline(find('RouteConfiguration', rds['route_config_name']) ?? null);
    if (config_discovery !== undefined) {
      result['typed_config'] = inline(find('TypedExtensionConfig', value['name'])?.['typed_config'] ?? null);
    }
    if (isObject(eds_cluster_config)) {
      result['type'] = 'STATIC';
      const assignment = find('ClusterLoadAssignment', eds_cluster_config['service_name'] ?? value['name']);
      result['load_assignment'] = assignment ?? { cluster_name: value['name'] ?? '' };
    }
    return result;
  };
  return {
    node: { id: 'validate', cluster: 'validate' },
    static_resources: {
      listeners: all('Listener').map(inline),
      clusters: [...all('Cluster').map(inline), controlPlane],
      secrets: [...all('Secret'), ...secrets],
    },
  };
}

/** Access logs go there. */
const controlPlane: JsonObject = {
  name: controlPlaneCluster,
  type: 'STATIC',
  connect_timeout: '1s',
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
};

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
