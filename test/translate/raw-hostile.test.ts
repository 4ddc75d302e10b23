// EnvoyResource documents of an author who wants more than policy gives: ways around authorization, trust and the secrecy of keys
// that look like something else.
import { describe, expect, test } from 'vitest';
import { parseDocuments } from '../../src/model/parse.ts';
import { resolve } from '../../src/policy/resolve/resolve.ts';
import { framingHeaders, ownHeaders } from '../../src/translate/names.ts';
import { otherOverrides } from '../../src/translate/override-headers.ts';
import { checkRaw } from '../../src/translate/raw/check-raw.ts';
import { otherSpellings, spellings } from '../../src/translate/wire/header-spellings.ts';

const base = `apiVersion: cellwall/v1
kind: Mesh
metadata: {name: mesh}
spec: {trustDomain: td.test}
---
apiVersion: cellwall/v1
kind: Service
metadata: {name: api}
spec: {protocol: http1, health: {path: /healthz}}
---
apiVersion: cellwall/v1
kind: Service
metadata: {name: web}
spec: {protocol: http1, dependsOn: [{service: api, listen: 9000}]}
---
apiVersion: cellwall/v1
kind: EnvoyResource
metadata: {name: raw}
spec:
`;

function codes(spec: string): readonly string[] {
  const parsed = parseDocuments(base + spec, 'raw.yaml');
  if (parsed.kind !== 'parsed') throw new Error(JSON.stringify(parsed.problems));
  const resolution = resolve(parsed.documents);
  if (resolution.kind !== 'resolved') throw new Error(JSON.stringify(resolution.problems));
  return checkRaw(parsed.documents, resolution.mesh, { proxyCode: true }).map(({ code }) => code);
}

const any = 'type.googleapis.com/envoy';
const extension = (name: string): string => `"@type": ${any}.extensions.${name}`;
const router = `{name: router, typed_config: {${extension('filters.http.router.v3.Router')}}}`;
const rbac = `${any}.extensions.filters.http.rbac.v3.RBAC`;
const ads = '{ads: {}, resource_api_version: V3}';
const authz = (name: string, source = ads): string =>
  `{name: api/${name}, config_discovery: {config_source: ${source}, type_urls: [${rbac}], ` +
  `apply_default_config_without_warming: true, default_config: {"@type": ${rbac}, rules: {action: ALLOW}}}}`;
const both = `${authz('authz-deny')}, ${authz('authz-allow')}`;
const removal = (regex: string): string => `{remove_on_match: {key_matcher: {safe_regex: {regex: '${regex}'}}}}`;
const removals = [...ownHeaders.map(spellings), ...framingHeaders.map(otherSpellings), ...otherOverrides]
  .map(removal)
  .join(', ');
const early =
  `[{name: early, typed_config: {${extension('http.early_header_mutation.header_mutation.v3.HeaderMutation')}, ` +
  `mutations: [${removals}]}}]`;
const paths = 'normalize_path: true, merge_slashes: true, path_with_escaped_slashes_action: REJECT_REQUEST';
const manager = (filters: string, routes: string): string =>
  `{name: hcm, typed_config: {${extension('filters.network.http_connection_manager.v3.HttpConnectionManager')}, ` +
  `stat_prefix: x, ${paths}, early_header_mutation_extensions: ${early}, http_filters: [${filters}], ${routes}}}`;
const rds = (name: string, source = ads): string => `rds: {route_config_name: "${name}", config_source: ${source}}`;
const tcp = (cluster: string): string =>
  `{name: tcp, typed_config: {${extension('filters.network.tcp_proxy.v3.TcpProxy')}, stat_prefix: x, cluster: "${cluster}"}}`;
const secret = (name: string, source = ads): string => `{name: "${name}", sds_config: ${source}}`;
const tls = (validation: string, key = secret('spiffe://td.test/service/api')): string =>
  `{name: tls, typed_config: {${extension('transport_sockets.tls.v3.DownstreamTlsContext')}, ` +
  'disable_stateless_session_resumption: true, disable_stateful_session_resumption: true, common_tls_context: ' +
  `{tls_params: {tls_minimum_protocol_version: TLSv1_3}, tls_certificate_sds_secret_configs: [${key}], ` +
  `${validation}}}}`;
const bundle = `validation_context_sds_secret_config: ${secret('spiffe://td.test')}`;
const door = (chain: string, direction = 'INBOUND', address = '0.0.0.0'): string => `  selector: {services: [api]}
  resource:
    "@type": ${any}.config.listener.v3.Listener
    name: door
    traffic_direction: ${direction}
    enable_reuse_port: false
    address: {socket_address: {address: ${address}, port_value: 7000}}
    filter_chains: [${chain}]`;
const cluster = (rest: string): string => `  selector: {services: [api]}
  resource:
    "@type": ${any}.config.cluster.v3.Cluster
    name: extra
${rest}`;

const elsewhere = [
  '{path: /tmp/config.yaml, resource_api_version: V3}',
  '{path_config_source: {path: /tmp/config.yaml}, resource_api_version: V3}',
  '{resource_api_version: V3, api_config_source: {api_type: GRPC, transport_api_version: V3, grpc_services: ' +
    '[{google_grpc: {target_uri: "evil.test:1", stat_prefix: x}}]}}',
];

describe('an author of raw resources', () => {
  test.each(['xds.type.v3.TypedStruct', 'google.protobuf.Struct'])(
    'hides nothing in a type that Envoy makes any other of: %s',
    (type) => {
      const any = `"@type": type.googleapis.com/${type}`;
      const body = type.startsWith('google')
        ? 'value: {common_tls_context: {}}'
        : 'type_url: type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext, value: {common_tls_context: {}}';
      const chain =
        `{name: own, transport_socket: {name: envoy.transport_sockets.tls, typed_config: {${any}, ${body}}}, ` +
        `filters: [${manager(`${both}, ${router}`, rds('inbound'))}]}`;
      expect(codes(door(chain))).toEqual(['opaque']);
    },
  );

  test('gives Wasm its configuration', () => {
    const wasm =
      `{name: wasm, typed_config: {${extension('filters.http.wasm.v3.Wasm')}, config: {name: x, vm_config: ` +
      '{runtime: envoy.wasm.runtime.v8, code: {local: {inline_string: x}}}, configuration: {"@type": ' +
      'type.googleapis.com/google.protobuf.Struct, value: {a: 1}}}}}';
    const chain = `{name: own, transport_socket: ${tls(bundle)}, filters: [${manager(`${both}, ${wasm}, ${router}`, rds('inbound'))}]}`;
    expect(codes(door(chain))).toEqual([]);
  });

  test('may open a listener that is held to the rules of all', () => {
    const chain = `{name: own, transport_socket: ${tls(bundle)}, filters: [${manager(`${both}, ${router}`, rds('inbound'))}]}`;
    expect(codes(door(chain))).toEqual([]);
  });

  test.each(elsewhere)('has no configuration come from elsewhere: %s', (source) => {
    const rules = `${authz('authz-deny')}, ${authz('authz-allow', source)}`;
    const chain = (filters: string, routes: string, context = tls(bundle)): string =>
      `{name: own, transport_socket: ${context}, filters: [${manager(filters, routes)}]}`;
    expect(codes(door(chain(`${rules}, ${router}`, rds('inbound'))))).toContain('raw-config-source');
    expect(codes(door(chain(`${both}, ${router}`, rds('inbound', source))))).toContain('raw-config-source');
    const trust = tls(`validation_context_sds_secret_config: ${secret('spiffe://td.test', source)}`);
    expect(codes(door(chain(`${both}, ${router}`, rds('inbound'), trust)))).toContain('raw-config-source');
  });

  test('has no chain without authorization under the name of the one for the health path', () => {
    expect(codes(door(`{name: health, filters: [${tcp('inbound')}]}`))).toContain('raw-health');
    const served = manager(router, rds('inbound'));
    expect(codes(door(`{name: health, filters: [${served}]}`))).toContain('raw-health');
    // Nor one that lets more through than a bare probe.
    expect(codes(door(`{name: health, filters: [${manager(router, rds('inbound:health'))}]}`))).toContain('raw-health');
  });

  test('changes no request on its way through that chain', () => {
    const mutation =
      `{name: mutate, typed_config: {${extension('filters.http.header_mutation.v3.HeaderMutation')}, mutations: ` +
      '{request_mutations: [{append: {header: {key: ":path", value: "%REQ(x-path)%"}, append_action: ' +
      'OVERWRITE_IF_EXISTS_OR_ADD}}]}}}';
    const chain = `{name: health, filters: [${manager(`${mutation}, ${router}`, rds('inbound:health'))}]}`;
    expect(codes(door(chain))).toContain('raw-health');
  });

  test("adds no roots to the mesh's, in what is merged with them", () => {
    const spiffe =
      'custom_validator_config: {name: envoy.tls.cert_validator.spiffe, typed_config: ' +
      `{${extension('transport_sockets.tls.v3.SPIFFECertValidatorConfig')}, trust_domains: [{name: td.test, ` +
      'trust_bundle: {inline_string: roots of mine}}]}}';
    for (const context of [spiffe, 'trusted_ca: {inline_string: roots of mine}']) {
      const combined =
        `combined_validation_context: {default_validation_context: {${context}}, ` +
        `validation_context_sds_secret_config: ${secret('spiffe://td.test')}}`;
      const chain = `{name: own, transport_socket: ${tls(combined)}, filters: [${manager(`${both}, ${router}`, rds('inbound'))}]}`;
      expect(codes(door(chain))).toContain('raw-trust');
    }
  });

  test("does not lend the proxy's own connection to the control plane", () => {
    expect(codes(door(`{filters: [${tcp('cellwall')}]}`, 'OUTBOUND', '127.0.0.1'))).toContain('raw-control-plane');
    const aggregate = `    cluster_type: {name: envoy.clusters.aggregate, typed_config: {${extension('clusters.aggregate.v3.ClusterConfig')}, clusters: [cellwall]}}
    lb_policy: CLUSTER_PROVIDED`;
    expect(codes(cluster(aggregate))).toContain('raw-control-plane');
    const context =
      `{${extension('transport_sockets.tls.v3.UpstreamTlsContext')}, max_session_keys: 0, common_tls_context: ` +
      '{tls_params: {tls_minimum_protocol_version: TLSv1_3}, tls_certificate_sds_secret_configs: ' +
      `[${secret('spiffe://td.test/service/api')}], combined_validation_context: {default_validation_context: ` +
      '{match_typed_subject_alt_names: [{san_type: URI, matcher: {exact: "spiffe://td.test/cellwall/server"}}]}, ' +
      `validation_context_sds_secret_config: ${secret('spiffe://td.test')}}}}`;
    expect(codes(cluster(`    transport_socket: {name: tls, typed_config: ${context}}`))).toContain(
      'raw-control-plane',
    );
  });

  test.each(['filename: /run/secrets/key.pem', 'environment_variable: PASSWORD'])(
    "reads nothing of the proxy's host: %s",
    (source) => {
      const direct = `  selector: {services: [api]}
  resource:
    "@type": ${any}.config.route.v3.RouteConfiguration
    name: extra
    virtual_hosts: [{name: all, domains: ["*"], routes: [{match: {prefix: /}, direct_response: {status: 200, body: {${source}}}}]}]`;
      expect(codes(direct)).toContain('raw-host-data');
    },
  );
});
