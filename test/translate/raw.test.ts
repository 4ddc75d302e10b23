// EnvoyResource documents: what is refused before it is stored, where, and what the rest makes of a proxy.
import { toJson } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { parseDocuments } from '../../src/model/parse.ts';
import type { Problem } from '../../src/model/problem.ts';
import { resolve } from '../../src/policy/resolve/resolve.ts';
import { isFor } from '../../src/policy/resolve/resolve-raw.ts';
import { lint } from '../../src/translate/linter.ts';
import { applyRaw } from '../../src/translate/raw/apply-raw.ts';
import { checkRaw } from '../../src/translate/raw/check-raw.ts';
import { envoyRegistry } from '../../src/translate/raw/envoy-registry.ts';
import { stubBundles, stubShape } from '../../src/translate/raw/stub-proxy.ts';
import { translate } from '../../src/translate/translate.ts';
import { createTestCa } from '../support/test-ca.ts';
import { goldenBundles, scenariosWith } from './scenarios.ts';

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
const header = base.split('\n').length - 1;

function read(spec: string) {
  const parsed = parseDocuments(base + spec, 'raw.yaml');
  if (parsed.kind !== 'parsed') throw new Error(JSON.stringify(parsed.problems));
  const resolution = resolve(parsed.documents);
  if (resolution.kind !== 'resolved') throw new Error(JSON.stringify(resolution.problems));
  return { documents: parsed.documents, mesh: resolution.mesh };
}

function problemsOf(spec: string): readonly Problem[] {
  const { documents, mesh } = read(spec);
  // What is refused even to those who may bring code.
  return checkRaw(documents, mesh, { proxyCode: true });
}

/** `code path +line: message` of each, the line within the spec. */
const told = (spec: string): readonly string[] =>
  problemsOf(spec).map(({ code, path, source, message }) => `${code} ${path} +${source.line - header}: ${message}`);

/** The resources of a service's proxy as JSON, by short type and name. */
function resourcesOf(spec: string, service: string): Map<string, Record<string, never>> {
  const { mesh } = read(spec);
  const key = [...mesh.services.keys()].find((name) => name === service);
  const id = key === undefined ? undefined : mesh.services.get(key)?.spiffeId;
  if (id === undefined) throw new Error(service);
  const raws = (mesh.rawResources ?? []).filter((raw) => isFor(raw, id));
  const result = applyRaw(translate(mesh, new Map(), stubBundles, stubShape(mesh, id)), raws);
  expect(lint(result, { raw: true })).toEqual([]);
  return new Map(
    result.map(({ typeUrl, name, schema, message }) => [
      `${typeUrl.slice(typeUrl.lastIndexOf('.') + 1)} ${name}`,
      JSON.parse(JSON.stringify(toJson(schema, message, { registry: envoyRegistry(), useProtoFieldName: true }))),
    ]),
  );
}

const cluster = (rest: string): string => `  selector: {services: [web]}
  resource:
    "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster
${rest}`;
const listenerType = 'type.googleapis.com/envoy.config.listener.v3.Listener';
const merge = (
  type: string,
  name: string,
  value: string,
  services = '[api]',
): string => `  selector: {services: ${services}}
  patch:
    operation: merge
    typeUrl: ${type}
    name: "${name}"
    value:
${value}`;
const hcm = 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

describe('a raw resource is checked against the schema', () => {
  test('unknown fields, wherever they are, with the line', () => {
    expect(told(cluster('    name: extra\n    conect_timeout: 1s'))).toEqual([
      'unknown-field spec.resource.conect_timeout +5: envoy.config.cluster.v3.Cluster has no field "conect_timeout"',
    ]);
    const nested = `    name: extra
    load_assignment:
      cluster_name: extra
      endpoints: [{lb_endpoints: [{endpoint: {adress: {}}}]}]`;
    expect(told(cluster(nested))).toMatchObject([
      expect.stringContaining('spec.resource.load_assignment.endpoints[0].lb_endpoints[0].endpoint.adress +7'),
    ]);
  });

  test('unknown fields and types inside an Any', () => {
    const options = (body: string): string => `    name: extra
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        ${body}`;
    const type = 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
    expect(told(cluster(options(`{"@type": ${type}, explicit_http_config: {http3: {}}}`)))).toMatchObject([
      expect.stringMatching(/^unknown-field .*explicit_http_config\.http3 \+7/),
    ]);
    expect(told(cluster(options('{"@type": type.googleapis.com/envoy.Nope}')))).toMatchObject([
      expect.stringMatching(/^unknown-type .*Envoy 1\.40 has no type/),
    ]);
    expect(told(cluster(options('{}')))).toMatchObject([expect.stringMatching(/"@type" is missing/)]);
  });

  test.each([
    ['connect_timeout: 1sec', 'wrong-format', 'not a duration'],
    ['connect_timeout: 1', 'wrong-format', 'not a duration'],
    ['type: STATICK', 'wrong-value', 'type is one of STATIC'],
    ['alt_stat_name: 7', 'wrong-type', 'alt_stat_name: expected string'],
    ['per_connection_buffer_limit_bytes: -1', 'wrong-type', 'per_connection_buffer_limit_bytes'],
    ['lb_subset_config: []', 'wrong-type', 'expected a mapping'],
    ['health_checks: {}', 'wrong-type', 'expected a list'],
    ['connectTimeout: 1s\n    connect_timeout: 2s', 'duplicate-key', 'written twice'],
    ['type: EDS\n    cluster_type: {name: x}', 'contradiction', 'exclude each other'],
  ])('%s', (line, code, message) => {
    const [problem] = problemsOf(cluster(`    name: extra\n    ${line}`));
    expect(problem).toMatchObject({ code, severity: 'error' });
    expect(problem?.message).toContain(message);
  });

  test('its type is one that is served', () => {
    const spec = '  selector: {all: true}\n  resource: {"@type": type.googleapis.com/envoy.config.core.v3.Node, id: x}';
    expect(told(spec)).toMatchObject([expect.stringMatching(/^unknown-type spec\.resource\["@type"\] \+2/)]);
  });
});

describe("Envoy's constraints hold", () => {
  test.each([
    ['name: ""', 'missing'],
    ['name: x\n    connect_timeout: 0s', 'has to be more than 0s'],
    ['name: x\n    transport_socket_matches: [{}]', 'must not be empty'],
    ['name: x\n    outlier_detection: {max_ejection_percent: 101}', 'at most 100'],
    ['name: x\n    circuit_breakers: {thresholds: [{retry_budget: {budget_percent: {value: 101}}}]}', 'at most 100'],
    [
      'name: x\n    typed_dns_resolver_config: {typed_config: {"@type": ' +
        'type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig}}',
      'must not be empty',
    ],
    ['name: x\n    load_assignment: {cluster_name: ""}', 'must not be empty'],
    [
      'name: x\n    load_assignment: {cluster_name: y, endpoints: [{lb_endpoints: [{load_balancing_weight: 0}]}]}',
      'at least 1',
    ],
  ])('%s', (text, message) => {
    const problems = problemsOf(cluster(`    ${text}`));
    expect(problems.map((problem) => problem.message).join('\n')).toContain(message);
    expect(problems.every(({ severity, source }) => severity === 'error' && source.line > header)).toBe(true);
  });

  test('in what a patch makes, too', () => {
    const patch = merge(listenerType, 'inbound', '      filter_chains: [{filters: [{}]}]');
    expect(told(patch)).toContainEqual(expect.stringMatching(/^constraint .*name must not be empty/));
  });
});

describe('a raw resource joins', () => {
  const extra = `    name: extra
    connectTimeout: 0.25s
    type: STATIC
    load_assignment: {cluster_name: extra, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 1}}}}]}]}`;

  test('those whom it is for, and nobody else', () => {
    expect(problemsOf(cluster(extra))).toEqual([]);
    expect(resourcesOf(cluster(extra), 'web').get('Cluster extra')).toMatchObject({ connect_timeout: '0.250s' });
    expect(resourcesOf(cluster(extra), 'api').has('Cluster extra')).toBe(false);
  });

  test('under a name that is free', () => {
    expect(told(cluster(extra.replace('name: extra', 'name: "outbound:api"')))).toMatchObject([
      expect.stringMatching(/^name-taken spec\.resource\.name \+4: .*Cluster "outbound:api"/),
    ]);
    const secret = `  selector: {services: [web]}
  resource: {"@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret, name: "spiffe://other", validation_context: {trusted_ca: {inline_string: x}}}`;
    expect(told(secret)).toMatchObject([expect.stringMatching(/^name-taken/)]);
    const token = secret
      .replace('spiffe://other', 'credential/x')
      .replace('validation_context: {trusted_ca: {inline_string: x}}', 'generic_secret: {secret: {inline_string: x}}');
    expect(told(token)).toMatchObject([expect.stringMatching(/^name-taken/)]);
  });

  test('with a version that is pinned', () => {
    const { mesh } = read(`${cluster(extra)}\n  version: v7`);
    const [raw] = mesh.rawResources ?? [];
    expect(raw && applyRaw([], [raw])).toMatchObject([{ name: 'extra', version: 'v7' }]);
  });
});

describe('a patch', () => {
  const upstream = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';

  test('merges field by field, replaces lists and values, removes with null, looks into every Any', () => {
    const value = `      connect_timeout: 3s
      outlierDetection: {consecutive_5xx: 2}
      circuit_breakers: null`;
    const spec = merge(upstream, 'outbound:api', value, '[web]');
    expect(problemsOf(spec)).toEqual([]);
    const before = resourcesOf(cluster('    name: x'), 'web').get('Cluster outbound:api');
    const after = resourcesOf(spec, 'web').get('Cluster outbound:api');
    const { circuit_breakers: _, outlier_detection: usual, ...kept } = Object(before);
    const outliers = { ...usual, consecutive_5xx: 2 };
    expect(usual).not.toEqual(outliers);
    expect(after).toEqual({ ...kept, connect_timeout: '3s', outlier_detection: outliers });
    const tls = merge(
      upstream,
      'outbound:api',
      '      transport_socket: {typed_config: {"@type": ' +
        'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext, sni: other}}',
      '[web]',
    );
    expect(resourcesOf(tls, 'web').get('Cluster outbound:api')).toMatchObject({
      transport_socket: { typed_config: { sni: 'other', common_tls_context: {} } },
    });
  });

  test('sets another member of a oneof', () => {
    const spec = merge(upstream, 'outbound:api', '      cluster_type: {name: envoy.clusters.x}', '[web]');
    const { mesh, documents } = read(spec);
    const messages = checkRaw(documents, mesh, { proxyCode: true }).map(({ message }) => message);
    expect(messages.filter((message) => /exclude|oneof/.test(message))).toEqual([]);
  });

  test('removes', () => {
    const spec = `  selector: {services: [web]}\n  patch: {operation: remove, typeUrl: ${listenerType}, name: "outbound:api"}`;
    expect(problemsOf(spec)).toEqual([]);
    expect(resourcesOf(spec, 'web').has('Listener outbound:api')).toBe(false);
  });

  test('of nothing is a warning', () => {
    const spec = `  selector: {services: [api]}\n  patch: {operation: remove, typeUrl: ${listenerType}, name: "outbound:nope"}`;
    expect(problemsOf(spec)).toMatchObject([{ severity: 'warning', code: 'idle-patch', path: 'spec.patch.name' }]);
  });

  test('may not leave others with names that lead nowhere', () => {
    const spec = `  selector: {services: [web]}\n  patch: {operation: remove, typeUrl: ${upstream}, name: "outbound:api"}`;
    expect(told(spec)).toMatchObject([expect.stringMatching(/^dangling .*there is no cluster "outbound:api"/)]);
  });
});

describe('what is dangerous is refused', () => {
  const manager = (body: string): string =>
    `      filter_chains:
        - name: mtls
          filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config: {"@type": ${hcm}, stat_prefix: x, http_filters: [${body}]}`;
  const router =
    '{name: envoy.filters.http.router, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}';
  const lua =
    '{name: lua, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua, ' +
    'default_source_code: {inline_string: "x"}}}';
  const rbac = 'type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC';
  const authz = (name: string, more = ''): string =>
    `{name: api/${name}${more}, config_discovery: {config_source: {ads: {}, resource_api_version: V3}, type_urls: ` +
    `[${rbac}], apply_default_config_without_warming: true, default_config: {"@type": ${rbac}, rules: {action: ` +
    'ALLOW}}}}';
  const codes = (spec: string): readonly string[] => problemsOf(spec).map(({ code }) => code);

  test('an inbound chain without authorization', () => {
    expect(codes(merge(listenerType, 'inbound', manager(router)))).toContain('chain-unauthorized');
  });

  test('a filter before it, one that is disabled, one that is optional', () => {
    const both = `${authz('authz-deny')}, ${authz('authz-allow')}`;
    expect(codes(merge(listenerType, 'inbound', manager(`${lua}, ${both}, ${router}`)))).toContain(
      'raw-before-authorization',
    );
    const off = `${authz('authz-deny')}, ${authz('authz-allow', ', disabled: true')}`;
    expect(codes(merge(listenerType, 'inbound', manager(`${off}, ${router}`)))).toContain('raw-authorization-off');
    expect(codes(merge(listenerType, 'inbound', manager(`${both}, ${lua}, ${router}`)))).not.toContain(
      'raw-before-authorization',
    );
  });

  test('another filter under the name of one of its own', () => {
    const lua = 'type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua';
    const other = authz('authz-allow').replace(`type_urls: [${rbac}]`, `type_urls: [${lua}]`);
    const lent = `${authz('authz-deny')}, ${other}`;
    expect(codes(merge(listenerType, 'inbound', manager(`${lent}, ${router}`)))).toContain('raw-before-authorization');
  });

  test('but not what translate itself puts before it', async () => {
    const legacy = (await createTestCa('old')).root;
    for (const service of Object.values(scenariosWith(legacy))) {
      const { mesh, endpoints, shape } = service;
      const findings = lint(translate(mesh, endpoints, goldenBundles, shape), { raw: true });
      expect(findings).toEqual([]);
    }
  });

  test('routes with a configuration of their own for it', () => {
    const type = 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration';
    const per = '{"@type": type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBACPerRoute}';
    expect(codes(merge(type, 'inbound', `      typed_per_filter_config: {api/authz-allow: ${per}}`))).toContain(
      'raw-authorization-off',
    );
  });

  test('RBAC that allows everyone', () => {
    const type = 'type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig';
    const open = `      typed_config: {"@type": ${rbac}, rules: null}`;
    expect(codes(merge(type, 'api/authz-allow', open))).toContain('rbac-no-rules');
    const anyone =
      `      typed_config: {"@type": ${rbac}, rules: {policies: {p: {permissions: [{any: true}], principals: ` +
      '[{authenticated: {}}]}}}}';
    expect(codes(merge(type, 'api/authz-allow', anyone))).toContain('rbac-authenticated');
  });

  test('trust that comes from elsewhere, the health route, keys', () => {
    const type = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';
    expect(codes(merge(type, 'spiffe://td.test', '      validation_context: {}'))).toEqual(['protected']);
    const route = 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration';
    expect(codes(merge(route, 'inbound:health', '      virtual_hosts: []'))).toEqual(['protected']);
    const key = `  selector: {services: [web]}\n  resource: {"@type": ${type}, name: mine, tls_certificate: {}}`;
    expect(codes(key)).toContain('secret-key');
  });

  test('a listener of its own without authorization, or open to the network for outbound', () => {
    const listener = (direction: string, address: string): string => `  selector: {services: [web]}
  resource:
    "@type": ${listenerType}
    name: door
    traffic_direction: ${direction}
    enable_reuse_port: false
    address: {socket_address: {address: ${address}, port_value: 7000}}
    filter_chains: [{filters: [{name: tcp, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: x, cluster: "outbound:api"}}]}]`;
    expect(codes(listener('INBOUND', '0.0.0.0'))).toContain('chain-unauthorized');
    expect(codes(listener('OUTBOUND', '0.0.0.0'))).toContain('listener-not-loopback');
    expect(codes(listener('OUTBOUND', '127.0.0.1'))).toEqual([]);
  });
});
