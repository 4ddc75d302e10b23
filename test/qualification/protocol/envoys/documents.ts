// The mesh of the real Envoys: a strict service, and a caller of each kind that may see /open and nothing else.
export const trustDomain = 'protocol.test';
export const apiId = `spiffe://${trustDomain}/cell/cell-1/service/api`;
export const webId = `spiffe://${trustDomain}/service/web`;
export const ingressId = `spiffe://${trustDomain}/edge/ingress`;
export const singleId = (variant: Variant): string => `spiffe://${trustDomain}/edge/single-${variant}`;

export type Variant = 'delta' | 'sotw';

export interface Ports {
  /** Of the strict service's sidecar. */
  readonly api: number;
  /** Loopback port on which web calls it. */
  readonly web: number;
  /** Loopback ports of the proxies with single-type services. */
  readonly single: Readonly<Record<Variant, number>>;
}

export function meshDocuments({ api, web, single }: Ports): string {
  const identities = [ingressId, singleId('delta'), singleId('sotw')];
  const callers = [webId, ...identities].map((id) => `{spiffeId: "${id}"}`).join(', ');
  return [
    `kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: ${trustDomain}}`,
    'kind: Cell\nmetadata: {name: cell-1}\nspec: {id: 1}',
    'kind: Service\nmetadata: {name: api, cell: cell-1}\nspec: {protocol: http1}',
    `kind: Service\nmetadata: {name: web}\nspec: {protocol: http1, dependsOn: [{service: cell-1/api, listen: ${web}}]}`,
    ...identities.map(
      (id) =>
        `kind: Workload\nmetadata: {name: ${id.slice(id.lastIndexOf('/') + 1)}}\nspec: {identity: {spiffeId: "${id}"}}`,
    ),
    `kind: AuthorizationPolicy\nmetadata: {name: api, cell: cell-1}
spec: {target: {service: api}, action: allow, rules: [{from: [${callers}], to: [{path: {prefix: /open}}]}]}`,
    ...singleTypeResources('delta', single.delta, api),
    ...singleTypeResources('sotw', single.sotw, api),
  ]
    .map((text) => `apiVersion: cellwall/v1\n${text}\n`)
    .join('---\n');
}

/** Config source of a service for one type, as its own stream. */
export function singleSource(variant: Variant): string {
  const api = variant === 'delta' ? 'DELTA_GRPC' : 'GRPC';
  return (
    `{resource_api_version: V3, api_config_source: {api_type: ${api}, transport_api_version: V3, ` +
    'set_node_on_first_message_only: true, grpc_services: [{envoy_grpc: {cluster_name: cellwall, retry_policy: ' +
    '{retry_back_off: {base_interval: 0.1s, max_interval: 1s}}}}]}}'
  );
}

/** A caller of the service, raw: each of the six types over its own service. */
function singleTypeResources(variant: Variant, port: number, api: number): readonly string[] {
  const types = 'type.googleapis.com/envoy';
  const source = singleSource(variant);
  const rbac = `${types}.extensions.filters.http.rbac.v3.RBAC`;
  const secret = (name: string): string => `{name: "${name}", sds_config: ${source}}`;
  const resources: Readonly<Record<string, string>> = {
    listener: `"@type": ${types}.config.listener.v3.Listener
    name: single
    traffic_direction: OUTBOUND
    enable_reuse_port: false
    address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": ${types}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: single
          forward_client_cert_details: SANITIZE
          rds: {route_config_name: single, config_source: ${source}}
          http_filters:
          - name: gate
            config_discovery:
              config_source: ${source}
              type_urls: [${rbac}]
              apply_default_config_without_warming: true
              default_config: {"@type": ${rbac}, rules: {action: ALLOW}}
          - {name: envoy.filters.http.router, typed_config: {"@type": ${types}.extensions.filters.http.router.v3.Router}}`,
    route: `"@type": ${types}.config.route.v3.RouteConfiguration
    name: single
    virtual_hosts: [{name: all, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: single}}]}]`,
    cluster: `"@type": ${types}.config.cluster.v3.Cluster
    name: single
    type: EDS
    connect_timeout: 1s
    eds_cluster_config: {service_name: single, eds_config: ${source}}
    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        "@type": ${types}.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        max_session_keys: 0
        common_tls_context:
          tls_params: {tls_minimum_protocol_version: TLSv1_3, tls_maximum_protocol_version: TLSv1_3}
          tls_certificate_sds_secret_configs: [${secret(singleId(variant))}]
          combined_validation_context:
            default_validation_context:
              match_typed_subject_alt_names: [{san_type: URI, matcher: {exact: "${apiId}"}}]
            validation_context_sds_secret_config: ${secret(`spiffe://${trustDomain}`)}`,
    endpoints: `"@type": ${types}.config.endpoint.v3.ClusterLoadAssignment
    cluster_name: single
    endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${api}}}}}]}]`,
    gate: `"@type": ${types}.config.core.v3.TypedExtensionConfig
    name: gate
    typed_config: {"@type": ${rbac}, rules: {action: DENY, policies: {cellwall/guard/several-identities: {permissions: [{header: {name: x-nobody-sends, present_match: true}}], principals: [{any: true}]}}}}`,
  };
  return Object.entries(resources).map(
    ([name, body]) => `kind: EnvoyResource
metadata: {name: single-${variant}-${name}}
spec:
  selector: {identities: ["${singleId(variant)}"]}
  resource:
    ${body}`,
  );
}
