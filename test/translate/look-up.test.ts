// Many allow rules, found in a tree: on a real Envoy every request is decided as explain decides it, and the record names a rule that
// speaks of it. Few rules make no tree, and nobody but the documents changes one.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lookedUpPolicy } from '../../src/lib/inbound-filters.ts';
import { readResults } from '../../src/observe/rbac-results.ts';
import { explain } from '../../src/policy/decide/explain.ts';
import { portOf } from '../../src/policy/ports.ts';
import { checkRaw } from '../../src/translate/raw/check-raw.ts';
import { lookUp } from '../../src/translate/rbac/look-up.ts';
import { createRandom } from '../qualification/explain/random.ts';
import { type EchoApplication, startHttp1Echo } from '../support/echo-application.ts';
import { httpCall } from '../support/http-call.ts';
import { documentsOf, meshOf } from '../support/resolve-text.ts';
import type { TestCertificate } from '../support/test-ca.ts';
import { api, startWallPair, testId, type WallPair } from '../support/wall-pair.ts';
import { idOf, meshDocument, policyDocument, serviceDocument } from './mesh-text.ts';

const random = createRandom(20_261_128);
const callers = ['web', 'one', 'two', 'three'];
const paths = ['/', '/a', '/a/', '/a/b', '/a/b/c', '/ab', '/b', '/b/a'];
const methods = ['GET', 'POST', 'DELETE'];

function randomRule(): string {
  const from = random.some(callers, 1 + random.int(2)).map((name) => `{spiffeId: "${idOf(name, 'cell-1')}"}`);
  const to = Array.from({ length: random.int(3) + (random.chance(0.1) ? 0 : 1) }, () => {
    const path = `path: {${random.pick(['exact', 'prefix'])}: "${random.pick(paths)}"}`;
    const some = `methods: [${random.some(methods, 1 + random.int(2)).join(', ')}]`;
    return `{${random.pick([path, some, `${path}, ${some}`])}}`;
  });
  return `{from: [${from.join(', ')}]${to.length === 0 ? '' : `, to: [${to.join(', ')}]`}}`;
}

const nobody = (index: number): string =>
  `{from: [{spiffeId: "${idOf(`nobody-${index}`, 'cell-1')}"}], to: [{path: {prefix: "/"}}]}`;
const filler = Array.from({ length: 64 }, (_, index) => nobody(index));
const others = [
  `{from: [{spiffeId: "${idOf('three', 'cell-1')}"}], to: [{path: {template: "/t/{id}/x"}}]}`,
  `{from: [{prefix: "spiffe://td1.test/cell/cell-1/"}], to: [{methods: [GET], path: {exact: "/everybody"}}]}`,
];

describe('many rules on a real Envoy', () => {
  let application: EchoApplication;
  let wall: WallPair;
  const svids = new Map<string, TestCertificate>();

  beforeAll(async () => {
    application = await startHttp1Echo();
    const rules = [...Array.from({ length: 12 }, randomRule), ...others, ...filler];
    wall = await startWallPair({ api: 'protocol: http1', application, rules: `[${rules.join(', ')}]` });
    for (const name of callers) svids.set(name, await wall.svid(name));
  });
  afterAll(async () => {
    await wall.stop();
    await application.stop();
  });

  it('are decided as explain decides them', async () => {
    const { matcher } = lookUp(wall.target) ?? {};
    expect(matcher).toBeDefined();
    const seen = { allowed: 0, denied: 0 };
    for (let index = 0; index < 160; index++) {
      const name = random.pick(callers);
      const base = random.pick([...paths, '/t/1/x', '/everybody']);
      const path = `${base}${random.pick(['', '', '/', 'x', '/b', '?q=/a', '?/a/b'])}`;
      const method = random.pick(methods);
      const caller = { kind: 'id', id: testId(name) } as const;
      const { decision } = explain(wall.mesh, { target: api, port: 'default', caller, method, path });
      const { certificate = '', key = '' } = svids.get(name) ?? {};
      const { status } = await httpCall({ port: wall.inbound, path, method, tls: { certificate, key } });
      expect([name, method, path, status]).toEqual([name, method, path, decision.outcome === 'allowed' ? 200 : 403]);
      seen[decision.outcome]++;
    }
    expect(Math.min(seen.allowed, seen.denied)).toBeGreaterThan(10);
  });
});

function servicePort(count: number, shadow = '') {
  const rules = Array.from({ length: count }, (_, index) => nobody(index)).join(', ');
  const mesh = meshOf(
    meshDocument('strict') +
      serviceDocument('api', 'cell-1', '{protocol: http1}') +
      policyDocument('api', 'cell-1', `{target: {service: api}, action: allow, rules: [${rules}]}`) +
      shadow,
  );
  const port = portOf(mesh, api);
  if (port === undefined) throw new Error('no api');
  return port;
}

describe('a look-up', () => {
  it('is for many rules, and where no shadow policy needs its place', () => {
    const shadow = policyDocument(
      'later',
      'cell-1',
      '{target: {service: api}, action: deny, mode: shadow, rules: [{from: [{service: api}]}]}',
    );
    expect(lookUp(servicePort(63))).toBeUndefined();
    expect(lookUp(servicePort(64))?.rest).toEqual([]);
    expect(lookUp(servicePort(64, shadow))).toBeUndefined();
  });

  it('finds nobody of a trust domain that the port does not trust: only an old certificate could name him', () => {
    const foreign = policyDocument(
      'foreign',
      'cell-1',
      '{target: {service: api}, action: allow, rules: [{from: [{spiffeId: "spiffe://other/billing"}]}]}',
    );
    const tree = lookUp(servicePort(64, foreign))?.matcher.matcherType;
    const found =
      tree?.case === 'matcherTree' && tree.value.treeType.case === 'exactMatchMap' ? tree.value.treeType : undefined;
    const ids = Object.keys(found?.value.map ?? {});
    expect(ids.some((id) => id.startsWith('spiffe://td1.test/'))).toBe(true);
    expect(ids.filter((id) => id.startsWith('spiffe://other/'))).toEqual([]);
  });

  it('is told by the name of the rule that it found', () => {
    const rbac = {
      authz_allow_enforced_engine_result: 'allowed',
      authz_allow_enforced_effective_policy_id: lookedUpPolicy,
      authz_lookup_shadow_engine_result: 'allowed',
      authz_lookup_shadow_effective_policy_id: 'cell-1/api/7',
    };
    const { enforced, shadow } = readResults({ 'envoy.filters.http.rbac': rbac });
    expect(enforced.get('authz-allow')).toEqual({ allowed: true, policy: 'cell-1/api/7' });
    expect(shadow.size).toBe(0);
  });

  it('is changed by no raw resource', () => {
    const text = `${meshDocument('strict')}${serviceDocument('api', 'cell-1', '{protocol: http1}')}
---
apiVersion: cellwall/v1
kind: EnvoyResource
metadata: {name: open}
spec:
  selector: {services: [cell-1/api]}
  patch:
    operation: merge
    typeUrl: type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig
    name: cell-1/api/authz-deny
    value:
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC
        shadow_matcher: {on_no_match: {action: {name: action, typed_config: {"@type": type.googleapis.com/envoy.config.rbac.v3.Action, name: x}}}}
`;
    const codes = checkRaw(documentsOf(text), meshOf(text), { proxyCode: true }).map(({ code }) => code);
    expect(codes).toContain('rbac-look-up');
  });
});
