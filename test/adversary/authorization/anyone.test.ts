// Raw patches of authorization whose author means "anyone", in every word that Envoy has for it.
import { expect, test } from 'vitest';
import { parseDocuments } from '../../../src/model/parse.ts';
import { resolve } from '../../../src/policy/resolve/resolve.ts';
import { checkRaw } from '../../../src/translate/raw/check-raw.ts';
import { policyText, serviceText, yaml } from '../../support/resolve-text.ts';

const type = 'type.googleapis.com/envoy';
const extensionType = `${type}.config.core.v3.TypedExtensionConfig`;
const httpRbac = `${type}.extensions.filters.http.rbac.v3.RBAC`;
const networkRbac = `${type}.extensions.filters.network.rbac.v3.RBAC`;

function codes(spec: string, mode = 'permissive'): readonly string[] {
  const text = yaml(
    `kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: ${mode}}}`,
    serviceText('api'),
    serviceText('web', 'http1', ', dependsOn: [{service: api, listen: 9000}, {service: db, listen: 9001}]'),
    serviceText('db', 'tcp'),
    policyText(
      'p',
      'api',
      'allow',
      '[{from: [{service: web}], to: [{path: {exact: /a}}]}, {from: [{anonymous: true}], to: [{path: {exact: /b}}]}]',
    ),
    policyText('q', 'db', 'allow', '[{from: [{service: web}]}]'),
    `kind: EnvoyResource\nmetadata: {name: raw}\nspec: {selector: {all: true}, ${spec}}`,
  );
  const parsed = parseDocuments(text, 'raw.yaml');
  if (parsed.kind !== 'parsed') throw new Error(JSON.stringify(parsed.problems));
  const resolution = resolve(parsed.documents);
  if (resolution.kind !== 'resolved') throw new Error(JSON.stringify(resolution.problems));
  return checkRaw(parsed.documents, resolution.mesh)
    .filter(({ severity }) => severity === 'error')
    .map(({ code }) => code);
}

const merge = (name: string, config: string): string =>
  `patch: {operation: merge, typeUrl: ${extensionType}, name: ${name}, value: {typed_config: ${config}}}`;
const allow = (principals: string, more = ''): string =>
  merge(
    'api/authz-allow',
    `{"@type": ${httpRbac}, rules: {policies: {mine: {permissions: [{any: true}], principals: [${principals}]${more}}}}}`,
  );
const mtls = (matcher: string): string =>
  `{custom: {name: m, typed_config: {"@type": ${type}.extensions.rbac.principals.mtls_authenticated.v3.Config, ${matcher}}}}`;
const san = (matcher: string): string => mtls(`san_matcher: {san_type: URI, matcher: {${matcher}}}`);
const web = san('exact: "spiffe://td1/service/web"');
const nobody = san('exact: "spiffe://td1/service/nobody"');
const header = '{header: {name: ":path", present_match: true}}';

test.each<readonly [string, string]>([
  ['any', '{any: true}'],
  ['any, spelt false', '{any: false}'],
  ['anyone with TLS', '{authenticated: {}}'],
  ['a name that is any name', '{authenticated: {principal_name: {prefix: ""}}}'],
  ['not an empty or', `{not_id: ${nobody}}`],
  ['not not any', '{not_id: {not_id: {any: true}}}'],
  ['one of several is any', `{or_ids: {ids: [${web}, {any: true}]}}`],
  ['deep in several', `{or_ids: {ids: [${web}, {and_ids: {ids: [{any: true}, {or_ids: {ids: [{any: true}]}}]}}]}}`],
  ['someone or not he', `{or_ids: {ids: [${web}, {not_id: ${web}}]}}`],
  ['all of nothing but any', '{and_ids: {ids: [{any: true}, {any: true}]}}'],
  ['beside one who is named', `${web}, {any: true}`],
  ['any address', '{remote_ip: {address_prefix: 0.0.0.0, prefix_len: 0}}'],
  [
    'any address, in halves',
    '{direct_remote_ip: {address_prefix: 0.0.0.0, prefix_len: 1}}, {direct_remote_ip: {address_prefix: 128.0.0.0, prefix_len: 1}}',
  ],
  ['any address, the old field', '{source_ip: {address_prefix: "::", prefix_len: 0}}'],
  ['a header that all have', header],
  ['a header that none has', '{header: {name: x-none, present_match: true, invert_match: true}}'],
  ['any path', '{url_path: {path: {prefix: /}}}'],
  ['metadata that is absent', '{metadata: {filter: x, path: [{key: k}], value: {present_match: true}, invert: true}}'],
  [
    'metadata by its source',
    '{sourced_metadata: {metadata_matcher: {filter: x, path: [{key: k}], value: {present_match: true}, invert: true}}}',
  ],
  ['filter state', '{filter_state: {key: k, string_match: {prefix: ""}}}'],
  ['any certificate', mtls('any_validated_client_certificate: true')],
  ['nobody in particular', mtls('')],
  ['every SPIFFE ID', san('prefix: "spiffe://"')],
  ['every SAN', san('prefix: ""')],
  ['a part of one', san('contains: "/"')],
  ['by a regular expression', san('safe_regex: {regex: ".*"}')],
  ['without regard to case', san('exact: "spiffe://td1/service/web", ignore_case: true')],
  ['a DNS SAN', mtls('san_matcher: {san_type: DNS, matcher: {exact: web}}')],
])('allowed: %s', (_, principals) => {
  for (const mode of ['permissive', 'strict']) expect(codes(allow(principals), mode)).not.toEqual([]);
});

test('a condition that is always true makes nobody of anyone', () => {
  expect(codes(allow('{any: true}', ', condition: {const_expr: {bool_value: true}}'))).toContain('rbac-anyone');
});

test.each([
  ['no rules', `{"@type": ${httpRbac}, rules: null}`],
  ['rules for the shadow alone', `{"@type": ${httpRbac}, rules: null, shadow_rules: {action: ALLOW}}`],
  [
    'a matcher that lets pass what it does not match',
    `{"@type": ${httpRbac}, rules: null, matcher: {on_no_match: {action: {name: a, typed_config: {"@type": ` +
      `${type}.config.rbac.v3.Action, name: a, action: ALLOW}}}}}`,
  ],
  ['a log', `{"@type": ${httpRbac}, rules: {action: LOG}}`],
  ['a deny filter in its place', `{"@type": ${httpRbac}, rules: {action: DENY}}`],
  ['another filter in its place', `{"@type": ${type}.extensions.filters.http.router.v3.Router}`],
  ['another filter with RBAC inside', `{"@type": ${type}.extensions.filters.http.rbac.v3.RBACPerRoute}`],
])('the allow filter: %s', (_, config) => {
  expect(codes(merge('api/authz-allow', config))).not.toEqual([]);
});

test('the same of TCP', () => {
  expect(
    codes(merge('db/authz-allow-tcp', `{"@type": ${networkRbac}, rules: {action: DENY, policies: null}}`)),
  ).toContain('raw-authorization-action');
  expect(
    codes(
      merge(
        'db/authz-allow-tcp',
        `{"@type": ${networkRbac}, rules: {policies: {mine: {permissions: [{any: true}], principals: [{any: true}]}}}}`,
      ),
    ),
  ).toContain('rbac-anyone');
});

test('a deny filter that allows, or without a guard', () => {
  expect(codes(merge('api/authz-deny', `{"@type": ${httpRbac}, rules: {action: ALLOW}}`))).toContain(
    'raw-authorization-action',
  );
  for (const name of ['several-identities', 'hidden-dots']) {
    expect(
      codes(merge('api/authz-deny', `{"@type": ${httpRbac}, rules: {policies: {cellwall/guard/${name}: null}}}`)),
    ).toContain('rbac-no-guard');
    const weaker = `{permissions: [{header: {name: x-none, present_match: true}}], principals: [{any: true}]}`;
    expect(
      codes(merge('api/authz-deny', `{"@type": ${httpRbac}, rules: {policies: {cellwall/guard/${name}: ${weaker}}}}`)),
    ).toContain('rbac-no-guard');
  }
});

test('an own resource with anyone in it, for a listener of its own', () => {
  const own =
    `resource: {"@type": ${extensionType}, name: door/authz-allow, typed_config: {"@type": ${httpRbac}, rules: ` +
    '{policies: {mine: {permissions: [{any: true}], principals: [{any: true}]}}}}}';
  expect(codes(own)).toContain('rbac-anyone');
});

test('but whoever is named may be added, also where the service lets in anonymous callers by its own rules', () => {
  expect(codes(allow(web))).toEqual([]);
  expect(codes(allow(web), 'strict')).toEqual([]);
  expect(codes(allow(`{and_ids: {ids: [${web}, ${header}, {not_id: ${nobody}}]}}`))).toEqual([]);
  expect(codes(allow(`{or_ids: {ids: [${web}, ${san('prefix: "spiffe://td1/cell/a/"')}]}}`))).toEqual([]);
  expect(
    codes(
      merge(
        'api/authz-deny',
        `{"@type": ${httpRbac}, rules: {policies: {mine: {permissions: [{any: true}], principals: [{any: true}]}}}}`,
      ),
    ),
  ).toEqual([]);
});

test('routes of a health path that the service does not have', () => {
  const routes =
    `resource: {"@type": ${type}.config.route.v3.RouteConfiguration, name: "inbound:health", virtual_hosts: [{name: ` +
    'all, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: inbound}}]}]}';
  expect(codes(routes)).toContain('name-taken');
});
