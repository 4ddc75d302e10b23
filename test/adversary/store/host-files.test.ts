// Raw resources that name files of the proxy's host: none is read, as keys are there, and none is written, as what is written is what a
// caller sent. The control: the same resources without a file, and what goes to the program's own output.
import { expect, test } from 'vitest';
import { createJudge } from '../../../src/serve/judge.ts';
import { fileFields } from '../../../src/translate/lint/host-file-rule.ts';
import { envoyRegistry } from '../../../src/translate/raw/envoy-registry.ts';
import { figure } from '../../support/figure.ts';
import { documentsOf, policyText, serviceText, yaml } from '../../support/resolve-text.ts';

const base = yaml(
  'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: strict}}',
  serviceText('api'),
  serviceText('web', 'http1', ', dependsOn: [{service: api, listen: 9000}]'),
  policyText('p', 'api', 'allow', '[{from: [{service: web}]}]'),
);
const url = 'type.googleapis.com/envoy';
const raw = (spec: string): string =>
  yaml(`kind: EnvoyResource\nmetadata: {name: raw}\nspec:\n  selector: {all: true}\n${spec}`);
const codes = (text: string): readonly string[] =>
  createJudge({ proxyCode: false })
    .check(documentsOf(`${base}---\n${text}`))
    .problems.map(({ code, message }) => (code === 'constraint' ? `${code} ${message}` : code));

const chain = (fields: string): string =>
  raw(
    `  resource: {"@type": ${url}.config.listener.v3.Listener, name: mine, traffic_direction: OUTBOUND, address: ` +
      '{socket_address: {address: 127.0.0.1, port_value: 9009}}, filter_chains: [{filters: [{name: http, ' +
      `typed_config: {"@type": ${url}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, ` +
      `stat_prefix: x, route_config: {name: x, virtual_hosts: []}, ${fields}}}]}]}`,
  );
const filter = (config: string): string => chain(`http_filters: [{name: mine, typed_config: ${config}}]`);
const log = (path: string): string =>
  chain(
    `access_log: [{name: x, typed_config: {"@type": ${url}.extensions.access_loggers.file.v3.FileAccessLog, path: ` +
      `${path}, log_format: {text_format_source: {inline_string: "%REQ(X)%"}}}}]`,
  );
const patch = (value: string): string =>
  raw(`  patch: {operation: merge, typeUrl: ${url}.config.cluster.v3.Cluster, name: "outbound:api", value: ${value}}`);
const cluster = (address: string): string =>
  raw(
    `  resource: {"@type": ${url}.config.cluster.v3.Cluster, name: mine, type: STATIC, load_assignment: ` +
      `{cluster_name: mine, endpoints: [{lb_endpoints: [{endpoint: {address: ${address}}}]}]}}`,
  );

test.each([
  [
    'a file server before the node key',
    filter(
      `{"@type": ${url}.extensions.filters.http.file_server.v3.FileServerConfig, manager_config: {thread_pool: ` +
        '{thread_count: 1}}, path_mappings: [{request_path_prefix: /, file_path_prefix: /srv/cellwall/data/}]}',
    ),
  ],
  ['an access log into a shell profile', log('/srv/cellwall/.profile')],
  ['one beside the standard output', log('/dev/stdout/../shm/x')],
  [
    'a tap',
    filter(
      `{"@type": ${url}.extensions.filters.http.tap.v3.Tap, common_config: {static_config: {match: {any_match: ` +
        'true}, output_config: {sinks: [{file_per_tap: {path_prefix: /tmp/x}}]}}}}',
    ),
  ],
  [
    'a health check that writes',
    patch(
      '{health_checks: [{timeout: 1s, interval: 1s, unhealthy_threshold: 1, healthy_threshold: 1, ' +
        'tcp_health_check: {}, event_log_path: /tmp/x}]}',
    ),
  ],
  [
    'a descriptor',
    filter(
      `{"@type": ${url}.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder, proto_descriptor: /etc/x, services: [a.B]}`,
    ),
  ],
  ["Envoy's own admin socket", cluster('{pipe: {path: /srv/cellwall/data/envoy-admin.sock}}')],
])('%s: refused', (_what, text) => {
  expect(codes(text)).toContain('raw-host-data');
});

test('the controls', () => {
  expect(codes(log('/dev/stdout'))).not.toContain('raw-host-data');
  expect(codes(patch('{connect_timeout: 3s}'))).toEqual([]);
  expect(codes(cluster('{socket_address: {address: 127.0.0.1, port_value: 9999}}'))).not.toContain('raw-host-data');
});

/** Texts that sound like files, and are none; or are of the bootstrap, which no document makes; or are told by a rule of their own. */
const others = [
  /^config\.(bootstrap|route)\./,
  /^config\.core\.v3\.(Pipe|SocketAddress|WatchedDirectory|DataSource|PathConfigSource|ConfigSource|HealthCheck\.HttpHealthCheck)$/,
  /^config\.trace\.v3\.DynamicOtConfig$/,
  /^extensions\.(bootstrap|watchdog|resource_monitors|network\.socket_interface|stat_sinks)\./,
  /^extensions\.common\.aws\./,
  /^extensions\.filters\.http\.(aws_lambda|ext_authz|mcp\w*|oauth2|a2a)\./,
  /^extensions\.clusters\.mcp/,
  /^extensions\.filters\.(network\.(reverse_tunnel|tcp_proxy|redis_proxy)|udp\.udp_proxy)\./,
  /^extensions\.path\./,
  /^extensions\.internal_redirect\./,
  /^extensions\.matching\./,
  /^type\./,
  /^extensions\.filters\.http\.file_server\.v3\.FileServerConfig\.DirectoryBehavior$/,
  /^extensions\.geoip_providers\.maxmind\./,
];

test("every field of Envoy's schema that sounds like a file is known for one, or for none", () => {
  const unknown: string[] = [];
  let known = 0;
  for (const type of envoyRegistry()) {
    if (type.kind !== 'message' || !/^envoy\.(config|extensions|type)\./.test(type.typeName)) continue;
    if (/\.v2(alpha)?\./.test(type.typeName)) continue;
    const short = type.typeName.slice('envoy.'.length);
    for (const { name, fieldKind, scalar } of type.fields) {
      const sounds = /(file|path|dir|folder|access_log|module|library|persist|_db$|cache_)/.test(name);
      if (!sounds || fieldKind !== 'scalar' || scalar !== 9) continue;
      if (fileFields.get(type.typeName)?.includes(name) === true) known++;
      else if (!others.some((other) => other.test(short))) unknown.push(`${short} ${name}`);
    }
  }
  figure('fieldsOfFiles', known);
  expect(unknown.filter((one) => !/_path_prefix$|request_path/.test(one))).toEqual([]);
  for (const [type, fields] of fileFields) {
    const names = envoyRegistry()
      .getMessage(type)
      ?.fields.map(({ name }) => name);
    expect(names, type).toEqual(expect.arrayContaining([...fields]));
  }
});
