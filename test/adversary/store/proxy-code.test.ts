// Raw resources that bring code: every type of Envoy's that runs some, wherever it can be named, is refused with its line, unless `serve`
// was told otherwise. The control: the same resource with that flag, and one without code.
import { expect, test } from 'vitest';
import type { Problem } from '../../../src/model/problem.ts';
import { resolve } from '../../../src/policy/resolve/resolve.ts';
import { createJudge } from '../../../src/serve/judge.ts';
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

function problemsOf(text: string, proxyCode = false): readonly Problem[] {
  const documents = documentsOf(`${base}---\n${text}`);
  expect(resolve(documents).kind).toBe('resolved');
  return createJudge({ proxyCode }).check(documents).problems;
}
const codes = (text: string, proxyCode = false): readonly string[] =>
  problemsOf(text, proxyCode).map(({ code }) => code);

const lua = `{"@type": ${url}.extensions.filters.http.lua.v3.Lua, default_source_code: {inline_string: "os.execute('id')"}}`;
const filter = `{name: mine, typed_config: ${lua}}`;
const manager = (fields: string): string =>
  `{"@type": ${url}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: x, ${fields}}`;
const listener = (fields: string): string =>
  `{"@type": ${url}.config.listener.v3.Listener, name: mine, traffic_direction: OUTBOUND, address: ` +
  `{socket_address: {address: 127.0.0.1, port_value: 9009}}, ${fields}}`;
const chain = (fields: string): string =>
  listener(`filter_chains: [{filters: [{name: http, typed_config: ${manager(fields)}}]}]`);
const extension = (config: string): string =>
  `{"@type": ${url}.config.core.v3.TypedExtensionConfig, name: mine, typed_config: ${config}}`;

/** What runs code, by what Envoy's schema calls it. */
const runs = [...envoyRegistry()].flatMap((type) =>
  type.kind === 'message' &&
  /\.(lua|wasm|dynamic_modules|golang|ext_proc)\.v\d+(alpha)?\.|DynamicOtConfig$/.test(type.typeName)
    ? [type.typeName]
    : [],
);

test('each type that is code, sent by ECDS', () => {
  expect(runs.length).toBeGreaterThan(60);
  const accepted = runs.filter((type) => {
    const text = raw(`  resource: ${extension(`{"@type": type.googleapis.com/${type}}`)}`);
    return !codes(text).includes('proxy-code') || codes(text, true).includes('proxy-code');
  });
  expect(accepted).toEqual([]);
  figure('typesOfCode', runs.length);
});

test.each([
  ['a filter of a listener', `  resource: ${chain(`http_filters: [${filter}]`)}`],
  [
    'a network filter',
    `  resource: ${listener(
      'filter_chains: [{filters: [{name: x, typed_config: {"@type": ' +
        `${url}.extensions.filters.network.wasm.v3.Wasm}}]}]`,
    )}`,
  ],
  [
    'a listener filter',
    `  resource: ${listener(
      'listener_filters: [{name: x, typed_config: {"@type": ' +
        `${url}.extensions.filters.listener.dynamic_modules.v3.DynamicModuleListenerFilter}}]`,
    )}`,
  ],
  [
    'an access log',
    `  resource: ${chain(`access_log: [{name: x, typed_config: {"@type": ${url}.extensions.access_loggers.wasm.v3.WasmAccessLog}}]`)}`,
  ],
  [
    'what discovery may send',
    `  resource: ${chain(
      'http_filters: [{name: x, config_discovery: {config_source: {ads: {}}, type_urls: ' +
        `[${url}.extensions.filters.http.lua.v3.Lua]}}]`,
    )}`,
  ],
  [
    'inside another filter',
    `  resource: ${extension(`{"@type": ${url}.extensions.common.matching.v3.ExtensionWithMatcher, extension_config: ${filter}}`)}`,
  ],
  [
    'per route',
    `  patch: {operation: merge, typeUrl: ${url}.config.route.v3.RouteConfiguration, name: "outbound:api", value: ` +
      '{virtual_hosts: [{name: x, domains: ["*"], typed_per_filter_config: {lua: {"@type": ' +
      `${url}.extensions.filters.http.lua.v3.LuaPerRoute}}}]}}`,
  ],
  [
    'a matcher of strings',
    `  resource: ${extension(
      `{"@type": ${url}.extensions.filters.http.rbac.v3.RBAC, rules: {policies: {x: {principals: ` +
        '[{authenticated: {principal_name: {custom: {name: x, typed_config: {"@type": ' +
        `${url}.extensions.string_matcher.lua.v3.Lua}}}}}]}}}}`,
    )}`,
  ],
  [
    'a typed struct',
    `  resource: ${extension(
      '{"@type": type.googleapis.com/xds.type.v3.TypedStruct, type_url: ' +
        `${url}.extensions.filters.http.lua.v3.Lua, value: {inline_code: x}}`,
    )}`,
  ],
  [
    'under another prefix of the type',
    `  resource: ${extension(`{"@type": example.org/envoy.extensions.filters.http.lua.v3.Lua, inline_code: x}`)}`,
  ],
  [
    'upstream',
    `  patch: {operation: merge, typeUrl: ${url}.config.cluster.v3.Cluster, name: "outbound:api", value: ` +
      `{filters: [{name: x, typed_config: {"@type": ${url}.extensions.filters.network.wasm.v3.Wasm}}]}}`,
  ],
  [
    'a cluster of its own kind',
    `  patch: {operation: merge, typeUrl: ${url}.config.cluster.v3.Cluster, name: "outbound:api", value: ` +
      '{cluster_type: {name: envoy.clusters.dynamic_modules}}}',
  ],
])('%s: refused with its line', (_, spec) => {
  const found = problemsOf(raw(spec)).find(({ code }) => code === 'proxy-code');
  expect(found).toMatchObject({
    severity: 'error',
    hint: expect.stringContaining('--allow-proxy-code'),
    source: { file: 'test.yaml', line: expect.any(Number) },
  });
  expect(found?.source.line).toBeGreaterThan(20);
});

test('control: with the flag the same is accepted, and without code it never needed one', () => {
  const patch = (value: string): string =>
    raw(
      `  patch: {operation: merge, typeUrl: ${url}.config.cluster.v3.Cluster, name: "outbound:api", value: ${value}}`,
    );
  expect(codes(raw(`  resource: ${extension(lua)}`), true)).toEqual([]);
  expect(codes(patch('{connect_timeout: 3s}'))).toEqual([]);
  expect(codes(patch('{alt_stat_name: my-lua.wasm}'))).toEqual([]);
});
