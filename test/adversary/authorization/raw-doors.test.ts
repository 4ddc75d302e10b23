// Raw resources that open a door beside the wall rather than in it: each was accepted once.
import { expect, test } from 'vitest';
import { parseDocuments } from '../../../src/model/parse.ts';
import { resolve } from '../../../src/policy/resolve/resolve.ts';
import { checkRaw } from '../../../src/translate/raw/check-raw.ts';
import { figure } from '../../support/figure.ts';
import { policyText, serviceText, yaml } from '../../support/resolve-text.ts';

const type = 'type.googleapis.com/envoy';
const listener = `${type}.config.listener.v3.Listener`;
const cluster = `${type}.config.cluster.v3.Cluster`;
const routes = `${type}.config.route.v3.RouteConfiguration`;

function codes(spec: string): readonly string[] {
  const text = yaml(
    'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: strict}}',
    serviceText('api'),
    serviceText('web', 'http1', ', dependsOn: [{service: api, listen: 9000}]'),
    policyText('p', 'api', 'allow', '[{from: [{service: web}], to: [{path: {exact: /a}}]}]'),
    `kind: EnvoyResource\nmetadata: {name: raw}\nspec: {selector: {services: [web]}, ${spec}}`,
  );
  const parsed = parseDocuments(text, 'raw.yaml');
  if (parsed.kind !== 'parsed') throw new Error(JSON.stringify(parsed.problems));
  const resolution = resolve(parsed.documents);
  if (resolution.kind !== 'resolved') throw new Error(JSON.stringify(resolution.problems));
  return checkRaw(parsed.documents, resolution.mesh)
    .filter(({ severity }) => severity === 'error')
    .map(({ code }) => code);
}

const patch = (typeUrl: string, name: string, value: string): string =>
  `patch: {operation: merge, typeUrl: ${typeUrl}, name: "${name}", value: ${value}}`;
const udp = (direction: string, address: string, more: string): string =>
  `resource: {"@type": ${listener}, name: u, address: {socket_address: {protocol: UDP, address: ${address}, ` +
  `port_value: 5353}}, enable_reuse_port: false, traffic_direction: ${direction}, ${more} listener_filters: ` +
  `[{name: udp, typed_config: {"@type": ${type}.extensions.filters.udp.udp_proxy.v3.UdpProxyConfig, stat_prefix: ` +
  'u, matcher: {on_no_match: {action: {name: r, typed_config: {"@type": ' +
  `${type}.extensions.filters.udp.udp_proxy.v3.Route, cluster: "outbound:api"}}}}}}]}`;
const plaintext = `{name: raw, typed_config: {"@type": ${type}.extensions.transport_sockets.raw_buffer.v3.RawBuffer}}`;
const added = (key: string, value: string): string =>
  `{request_headers_to_add: [{header: {key: "${key}", value: "${value}"}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}]}`;
const tunnel = (upgrade: string): string =>
  `{virtual_hosts: [{name: i, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: inbound, upgrade_configs: [${upgrade}]}}]}]}`;

test.each<readonly [string, string, string]>([
  ['UDP from anywhere, into a dependency', udp('INBOUND', '0.0.0.0', 'udp_listener_config: {},'), 'raw-listener'],
  ['UDP by the address alone', udp('INBOUND', '0.0.0.0', ''), 'raw-listener'],
  ['UDP on loopback', udp('OUTBOUND', '127.0.0.1', 'udp_listener_config: {},'), 'raw-listener'],
  [
    'the loopback of another network namespace',
    patch(
      listener,
      'outbound:api',
      '{address: {socket_address: {address: 127.0.0.1, port_value: 9000, network_namespace_filepath: /proc/1/ns/net}}}',
    ),
    'raw-host-data',
  ],
  ['a dependency without TLS', patch(cluster, 'outbound:api', '{transport_socket: null}'), 'tls-plaintext'],
  ['a dependency in plaintext', patch(cluster, 'outbound:api', `{transport_socket: ${plaintext}}`), 'tls-plaintext'],
  [
    'a dependency in plaintext for some endpoints',
    patch(
      cluster,
      'outbound:api',
      `{transport_socket_matches: [{name: x, match: {}, transport_socket: ${plaintext}}]}`,
    ),
    'tls-plaintext',
  ],
  ['a tunnel', patch(routes, 'inbound', tunnel('{upgrade_type: CONNECT, connect_config: {}}')), 'http-upgrade'],
  ['a change of protocol', patch(routes, 'inbound', tunnel('{upgrade_type: h2c}')), 'http-upgrade'],
  ["a caller's word for its cell", patch(routes, 'inbound', added('x-cellwall-peer-cell', '%REQ(x-mine)%')), ''],
  ['a constant cell', patch(routes, 'inbound', added('X-Cellwall-Peer-Cell', 'cell-9')), ''],
  ['an identity in another spelling', patch(routes, 'inbound', added('X_Cellwall_Peer_Id', 'spiffe://td1/x')), ''],
  ["a caller's word for its subject", patch(routes, 'inbound', added('x-client-cert-subject-dn', '%REQ(x)%')), ''],
  ['XFCC', patch(routes, 'inbound', added('X-Forwarded.Client-Cert', 'By=x')), ''],
])('refused: %s', (_what, spec, code) => {
  const found = codes(spec);
  figure('rawDoorsOpen', found.length > 0 ? 0 : 1);
  expect(found).toContain(code === '' ? 'http-forged-header' : code);
});

test.each([
  ['another header', patch(routes, 'inbound', added('x-team', '%REQ(x-mine)%'))],
  ['a WebSocket', patch(routes, 'inbound', tunnel('{upgrade_type: websocket}'))],
  ['a timeout', patch(cluster, 'outbound:api', '{connect_timeout: 3s}')],
])('allowed as before: %s', (_what, spec) => {
  expect(codes(spec)).toEqual([]);
});
