import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SpiffeId } from '../../src/model/spiffe-id.ts';
import { type Decision, decide } from '../../src/policy/decide/decide.ts';
import { explain } from '../../src/policy/decide/explain.ts';
import type { AccessRequest, AnonymousVia, Caller } from '../../src/policy/decide/request.ts';
import type { MeshIr, ServiceKey } from '../../src/policy/ir.ts';
import { descriptorSet } from '../support/descriptor-set.ts';
import { cellText, meshOf, meshText, policyText, serviceText, workloadText, yaml } from '../support/resolve-text.ts';

const id = (path: string): Caller => ({ kind: 'id', id: `spiffe://${path}` as SpiffeId });
const anonymous = (via: AnonymousVia): Caller => ({ kind: 'anonymous', via });
const call = (target: string, caller: Caller, rest: Partial<AccessRequest> = {}): AccessRequest => ({
  target: target as ServiceKey,
  caller,
  ...rest,
});
const brief = ({ outcome, stage, rule }: Decision): string =>
  [outcome, stage, ...(rule === undefined ? [] : [rule.id])].join(' ');

const base = [
  meshText('strict'),
  cellText('cell-1', 1),
  cellText('cell-10', 10),
  serviceText('cell-1/web', 'http1', ', dependsOn: [{service: api, listen: 7001}]'),
  serviceText('cell-10/web', 'http1'),
  serviceText('cell-1/api', 'http2', ', health: {path: /healthz}'),
  serviceText('cell-1/db', 'tcp'),
  serviceText('open', 'http1', ', mtls: {mode: permissive}'),
  serviceText('gitlab', 'http1', ', mtls: {mode: permissive}, paths: {escapedSlashes: keep}'),
];
const web1 = id('td1/cell/cell-1/service/web');
const web10 = id('td1/cell/cell-10/service/web');

describe('the order of decisions', () => {
  const mesh = meshOf(
    yaml(
      ...base,
      policyText(
        'cell-1/api',
        'api',
        'allow',
        '[{from: [{cell: same}], to: [{methods: [GET, POST], path: {prefix: /v1}}, {grpc: pkg.Svc/Get}, {grpc: pkg.All/*}]}]',
      ),
      policyText('cell-1/no', 'api', 'deny', '[{from: [{everyone: true}], to: [{path: {exact: /v1/secret}}]}]'),
      policyText('cell-1/try', 'api', 'deny', '[{from: [{service: web}]}]', 'shadow'),
      policyText('cell-1/db', 'db', 'allow', '[{from: [{service: web}]}]'),
      policyText(
        'open',
        'open',
        'allow',
        '[{from: [{anonymous: true}], to: [{path: {exact: /public}}]}, {from: [{trustDomain: td1}], to: [{path: ' +
          '{template: "/items/{id}/parts"}}]}]',
      ),
    ),
  );
  test.each<readonly [string, AccessRequest, string]>([
    ['allowed by prefix', call('cell-1/api', web1, { path: '/v1/a' }), 'allowed allow-rule cell-1/api/0'],
    ['prefix covers itself', call('cell-1/api', web1, { path: '/v1' }), 'allowed allow-rule cell-1/api/0'],
    ['prefix ends at a segment', call('cell-1/api', web1, { path: '/v10' }), 'denied default'],
    ['query is no part of it', call('cell-1/api', web1, { path: '/v1?x=/../y' }), 'allowed allow-rule cell-1/api/0'],
    ['another method', call('cell-1/api', web1, { method: 'PUT', path: '/v1' }), 'denied default'],
    ['another cell', call('cell-1/api', web10, { path: '/v1' }), 'denied default'],
    ['deny wins', call('cell-1/api', web1, { path: '/v1/secret' }), 'denied deny-rule cell-1/no/0'],
    [
      'deny wins by another spelling',
      call('cell-1/api', web1, { path: '/v1/x/%2e%2e//s%65cret' }),
      'denied deny-rule cell-1/no/0',
    ],
    ['";" where a path is denied', call('cell-1/api', web1, { path: '/v1/secret;x' }), 'denied path'],
    ['a decoded dot segment with a parameter', call('open', web1, { path: '/items/%2e%2e;x/parts' }), 'denied path'],
    ['one with an escaped ";"', call('gitlab', web1, { path: '/a/..%3Bx' }), 'denied path'],
    ['";" behind other segments', call('gitlab', web1, { path: '/a/x..;y' }), 'allowed default'],
    ['an escaped ";" where a path is denied', call('cell-1/api', web1, { path: '/v1/secret%3Bx' }), 'denied path'],
    ['";" in the query is nothing', call('cell-1/api', web1, { path: '/v1/a?b;c' }), 'allowed allow-rule cell-1/api/0'],
    ['case counts', call('cell-1/api', web1, { path: '/V1/a' }), 'denied default'],
    ['escaped slash', call('cell-1/api', web1, { path: '/v1%2fa' }), 'denied path'],
    ['fragment', call('cell-1/api', web1, { path: '/v1#a' }), 'denied path'],
    ['gRPC method', call('cell-1/api', web1, { grpc: 'pkg.Svc/Get' }), 'allowed allow-rule cell-1/api/0'],
    ['another gRPC method', call('cell-1/api', web1, { grpc: 'pkg.Svc/GetAll' }), 'denied default'],
    ['any gRPC method', call('cell-1/api', web1, { grpc: 'pkg.All/X' }), 'allowed allow-rule cell-1/api/0'],
    ['another gRPC service', call('cell-1/api', web1, { grpc: 'pkg.Allx/X' }), 'denied default'],
    ['health over mTLS', call('cell-1/api', web10, { path: '/healthz' }), 'allowed health'],
    [
      'health in plaintext',
      call('cell-1/api', anonymous('plaintext'), { method: 'HEAD', path: '/healthz' }),
      'allowed health',
    ],
    ['health with a query', call('cell-1/api', anonymous('plaintext'), { path: '/healthz?x' }), 'denied handshake'],
    ['health over mTLS with a query', call('cell-1/api', web10, { path: '/healthz?' }), 'denied default'],
    [
      'health, another method',
      call('cell-1/api', anonymous('plaintext'), { method: 'POST', path: '/healthz' }),
      'denied handshake',
    ],
    ['health chain, another path', call('cell-1/api', anonymous('plaintext'), { path: '/v1' }), 'denied handshake'],
    ['strict, one-way TLS', call('cell-1/api', anonymous('one-way-tls'), { path: '/healthz' }), 'denied handshake'],
    ['strict, legacy', call('cell-1/api', anonymous('legacy'), { path: '/healthz' }), 'denied handshake'],
    [
      'another trust domain',
      call('cell-1/api', id('td2/cell/cell-1/service/web'), { path: '/v1' }),
      'denied handshake',
    ],
    ['TCP, allowed', call('cell-1/db', web1), 'allowed allow-rule cell-1/db/0'],
    ['TCP, another', call('cell-1/db', web10), 'denied default'],
    ['TCP, anonymous', call('cell-1/db', anonymous('plaintext')), 'denied handshake'],
    ['strict without a policy', call('cell-1/web', web1), 'denied default'],
    ['permissive without a policy', call('gitlab', anonymous('one-way-tls')), 'allowed default'],
    ['legacy without an authority', call('gitlab', anonymous('legacy')), 'denied handshake'],
    ['kept escaped slash', call('gitlab', web1, { path: '/api/a%2Fb' }), 'allowed default'],
    ['anonymous rule', call('open', anonymous('plaintext'), { path: '/public' }), 'allowed allow-rule open/0'],
    ['anonymous rule, an identity', call('open', web1, { path: '/public' }), 'denied default'],
    ['template', call('open', web1, { path: '/items/7/parts' }), 'allowed allow-rule open/1'],
    ['template, two segments', call('open', web1, { path: '/items/7/8/parts' }), 'denied default'],
    ['template, no segment', call('open', web1, { path: '/items//parts' }), 'denied default'],
  ])('%s', (_, request, expected) => {
    expect(brief(decide(mesh, request))).toBe(expected);
  });

  test('shadow rules are told, never enforced', () => {
    const decision = decide(mesh, call('cell-1/api', web1, { path: '/v1' }));
    expect(decision.outcome).toBe('allowed');
    expect(decision.shadow.map((rule) => rule.id)).toEqual(['cell-1/try/0']);
  });

  test('an unknown service is an error with a hint', () => {
    expect(() => decide(mesh, call('nope', web1))).toThrow(expect.objectContaining({ code: 'not_found' }));
  });

  test('explain names the document, the line, the chain and what would help', () => {
    const { decision, document, source, chain, remedy, mtls, callerService } = explain(
      mesh,
      call('cell-1/api', web1, { path: '/v2/x', method: 'PUT' }),
    );
    expect(decision.outcome).toBe('denied');
    expect({ document, mtls, callerService }).toEqual({
      document: 'Service/cell-1/api',
      mtls: 'strict',
      callerService: 'cell-1/web',
    });
    expect(source.file).toBe('test.yaml');
    expect(chain.map(({ id, why }) => `${id}: ${why}`)).toEqual([
      'cell-1/no/0: another path',
      'cell-1/api/0: another path',
    ]);
    expect(remedy?.rule).toBe(
      '- from:\n    - service: cell-1/web\n  to:\n    - {methods: [PUT], path: {exact: "/v2/x"}}',
    );
    expect(remedy?.addTo).toMatchObject({ document: 'AuthorizationPolicy/cell-1/api' });
  });

  test('explain says that an HTTP/1 service has no gRPC methods, and offers no rule that would be refused', () => {
    const refused = explain(mesh, call('cell-10/web', web1, { grpc: 'foo.Bar/Baz' }));
    expect(refused.decision.stage).toBe('default');
    expect(refused.remedy).toBeUndefined();
    expect(refused.notes.join()).toContain('cell-10/web speaks HTTP/1, so it has no gRPC methods');
    expect(explain(mesh, call('cell-1/api', web1, { grpc: 'foo.Bar/Baz' })).remedy?.rule).toContain(
      'grpc: foo.Bar/Baz',
    );
  });

  test('explain points at the deny rule and offers no rule against it', () => {
    const refused = explain(mesh, call('cell-1/api', web1, { path: '/v1/secret' }));
    expect(refused).toMatchObject({ document: 'AuthorizationPolicy/cell-1/no', chain: [{ matched: true }] });
    expect(refused.remedy).toBeUndefined();
    expect(refused.notes.join()).toContain('deny comes before allow');
  });
});

describe('properties', () => {
  const source = fc.constantFrom(
    '{service: cell-1/web}',
    '{cell: cell-1}',
    '{cell: same}',
    '{spiffeId: "spiffe://td1/job/a"}',
    '{prefix: "spiffe://td1/job/"}',
    '{trustDomain: td1}',
    '{anonymous: true}',
    '{everyone: true}',
  );
  const operation = fc.constantFrom(
    '{methods: [GET]}',
    '{methods: [POST, PUT]}',
    '{path: {exact: /a}}',
    '{path: {prefix: /a}}',
    '{path: {template: "/a/{x}"}}',
    '{methods: [GET], path: {prefix: /b}}',
    '{grpc: p.S/M}',
    '{grpc: p.S/*}',
  );
  const rule = fc
    .tuple(fc.array(source, { minLength: 1, maxLength: 2 }), fc.array(operation, { maxLength: 2 }))
    .map(([from, to]) => `{from: [${from.join(', ')}]${to.length === 0 ? '' : `, to: [${to.join(', ')}]`}}`);
  const rules = fc.array(rule, { maxLength: 3 }).map((list) => `[${list.join(', ')}]`);
  const request = fc.record({
    caller: fc.constantFrom(
      web1,
      web10,
      id('td1/job/a'),
      id('td1/job/b'),
      anonymous('plaintext'),
      anonymous('one-way-tls'),
    ),
    method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE'),
    path: fc.constantFrom(
      '/',
      '/a',
      '/a/',
      '/a/b',
      '/a/b/c',
      '/ab',
      '/b',
      '/b/c',
      '/p.S/M',
      '/p.S/N',
      '/a/b;c',
      '/%61',
      '/a/%20',
    ),
  });
  const mode = fc.constantFrom('strict', 'permissive');
  const meshWith = (mtls: string, ...policies: string[]): MeshIr =>
    meshOf(
      yaml(
        ...base,
        serviceText('cell-1/t', 'http2', `, mtls: {mode: ${mtls}}`),
        workloadText('job', '{identity: {spiffeId: "spiffe://td1/job/a"}}'),
        ...policies,
      ),
    );
  const target = 'cell-1/t';

  test('a matching deny rule always refuses', () => {
    fc.assert(
      fc.property(mode, rules, rules, request, (mtls, allow, deny, { caller, ...http }) => {
        const asked = call(target, caller, http);
        const allowed = policyText('cell-1/a', 't', 'allow', allow);
        const denied = policyText('cell-1/d', 't', 'deny', deny);
        const alone = decide(meshWith(mtls, denied), asked);
        const both = decide(meshWith(mtls, denied, allowed), asked);
        if (alone.stage === 'deny-rule') expect(both).toMatchObject({ outcome: 'denied', stage: 'deny-rule' });
        if (both.outcome === 'allowed') expect(alone.stage).not.toBe('deny-rule');
      }),
      { numRuns: 300 },
    );
  });

  test('one more allow rule never refuses more, one more deny rule never allows more', () => {
    fc.assert(
      fc.property(mode, rules, rule, request, (mtls, before, more, { caller, ...http }) => {
        const asked = call(target, caller, http);
        const first = policyText('cell-1/a', 't', 'allow', before);
        const without = decide(meshWith(mtls, first), asked);
        const wider = decide(meshWith(mtls, first, policyText('cell-1/b', 't', 'allow', `[${more}]`)), asked);
        const narrower = decide(meshWith(mtls, first, policyText('cell-1/b', 't', 'deny', `[${more}]`)), asked);
        if (without.outcome === 'allowed') expect(wider.outcome).toBe('allowed');
        if (without.outcome === 'denied') expect(narrower.outcome).toBe('denied');
      }),
      { numRuns: 300 },
    );
  });

  test('shadow policies change nothing', () => {
    fc.assert(
      fc.property(
        mode,
        rules,
        rules,
        request,
        fc.constantFrom('allow', 'deny'),
        (mtls, some, shadow, { caller, ...http }, action) => {
          const asked = call(target, caller, http);
          const enforced = some === '[]' ? [] : [policyText('cell-1/a', 't', 'allow', some)];
          const plain = decide(meshWith(mtls, ...enforced), asked);
          const beside = decide(
            meshWith(mtls, ...enforced, policyText('cell-1/s', 't', action, shadow, 'shadow')),
            asked,
          );
          expect(brief(beside)).toBe(brief(plain));
        },
      ),
      { numRuns: 300 },
    );
  });

  test('cell-1 is never cell-10, whatever the rules say of cells', () => {
    const cellRule = fc.constantFrom(
      '{cell: cell-1}',
      '{cell: same}',
      '{service: cell-1/web}',
      '{prefix: "spiffe://td1/cell/cell-1/"}',
    );
    fc.assert(
      fc.property(cellRule, request, (from, { method, path }) => {
        const mesh = meshWith('strict', policyText('cell-1/a', 't', 'allow', `[{from: [${from}]}]`));
        expect(decide(mesh, call(target, web10, { method, path })).outcome).toBe('denied');
        expect(decide(mesh, call(target, web1, { path: '/' })).outcome).toBe('allowed');
      }),
    );
  });

  test('the remedy allows the refused call, and resolves', () => {
    let offered = 0;
    fc.assert(
      fc.property(mode, rules, rules, request, (mtls, allow, deny, { caller, ...http }) => {
        const asked = call(target, caller, http);
        const policies = [policyText('cell-1/a', 't', 'allow', allow), policyText('cell-1/d', 't', 'deny', deny)];
        const { remedy } = explain(meshWith(mtls, ...policies), asked);
        if (remedy === undefined) return;
        offered++;
        const text = remedy.policy.replace('apiVersion: cellwall/v1\n', '');
        expect(decide(meshWith(mtls, ...policies, text), asked)).toMatchObject({
          outcome: 'allowed',
          stage: 'allow-rule',
        });
      }),
      { numRuns: 400 },
    );
    expect(offered).toBeGreaterThan(50);
  });
});

describe('defaults of cells', () => {
  const meshWith = (defaults: string, ...more: string[]): MeshIr =>
    meshOf(
      yaml(
        meshText('strict', `, authorization: {${defaults}}, breakGlass: ["spiffe://td1/oncall"]`),
        cellText('cell-1', 1),
        cellText('cell-10', 10),
        workloadText('oncall', '{identity: {spiffeId: "spiffe://td1/oncall"}}'),
        serviceText('cell-1/web', 'http1'),
        serviceText('cell-10/web', 'http1'),
        serviceText('cell-1/api', 'http1'),
        serviceText('global', 'http1'),
        serviceText('cell-1/open', 'http1', ', mtls: {mode: permissive}'),
        ...more,
      ),
    );
  const router = id('td1/edge/router');
  test.each([
    ['withinCell: allow', ['allowed', 'denied', 'denied']],
    ['acrossCells: allow', ['denied', 'allowed', 'denied']],
    ['withinCell: allow, acrossCells: allow', ['allowed', 'allowed', 'denied']],
    ['', ['denied', 'denied', 'denied']],
  ])('%s', (defaults, expected) => {
    const mesh = meshWith(defaults);
    expect([web1, web10, router].map((caller) => decide(mesh, call('cell-1/api', caller)).outcome)).toEqual(expected);
    expect([web1, web10].map((caller) => decide(mesh, call('global', caller)).outcome)).toEqual(['denied', 'denied']);
    expect(decide(mesh, call('cell-1/open', anonymous('plaintext'))).outcome).toBe('allowed');
  });

  test('end with the first enforced policy, not with a shadow', () => {
    const rules = '[{from: [{service: global}]}]';
    const shadow = meshWith('withinCell: allow', policyText('cell-1/p', 'api', 'allow', rules, 'shadow'));
    expect(decide(shadow, call('cell-1/api', web1)).outcome).toBe('allowed');
    const enforced = meshWith('withinCell: allow', policyText('cell-1/p', 'api', 'allow', rules));
    expect(brief(decide(enforced, call('cell-1/api', web1)))).toBe('denied default');
  });

  test('a break-glass identity is locked out by nothing but its handshake and the form of its path', () => {
    const mesh = meshWith('', policyText('cell-1/p', 'api', 'deny', '[{from: [{everyone: true}]}]'));
    const oncall = id('td1/oncall');
    expect(brief(decide(mesh, call('cell-1/api', oncall)))).toBe('allowed break-glass');
    expect(brief(decide(mesh, call('global', oncall)))).toBe('allowed break-glass');
    expect(brief(decide(mesh, call('global', oncall, { path: '/a/%2e%2e;/b' })))).toBe('denied path');
    expect(brief(decide(mesh, call('cell-1/api', id('td1/oncall2'))))).toBe('denied deny-rule cell-1/p/0');
    expect(brief(decide(mesh, call('cell-1/api', id('td2/oncall'))))).toBe('denied handshake');
  });
});

describe('matching cell', () => {
  const described = Buffer.from(descriptorSet('pkg.S', [{ name: 'M', fields: [{ name: 'cell_id', number: 1 }] }]));
  const mesh = meshOf(
    yaml(
      ...base,
      serviceText('topology', 'grpc', `, grpc: {descriptorSet: "${described.toString('base64')}"}`),
      policyText('p', 'topology', 'allow', '[{from: [{eachCell: web}], to: [{grpc: pkg.S/M, matchingCell: {}}]}]'),
    ),
  );
  const ask = (caller: Caller, cellId?: string): string =>
    brief(decide(mesh, call('topology', caller, { grpc: 'pkg.S/M', ...(cellId === undefined ? {} : { cellId }) })));
  test("a caller's own number, and no other", () => {
    expect(ask(web1, '1')).toBe('allowed allow-rule p/0');
    expect(ask(web10, '10')).toBe('allowed allow-rule p/0');
    for (const cellId of ['10', '01', '', '1 ', undefined]) expect(ask(web1, cellId)).toBe('denied default');
    expect(ask(id('td1/cell/cell-1/service/api'), '1')).toBe('denied default');
    const decision = decide(mesh, call('topology', web1, { grpc: 'pkg.S/M', cellId: '10' }));
    expect(decision.considered.map(({ result }) => result)).toEqual([{ kind: 'unmatched', by: 'cell' }]);
    expect(brief(decide(mesh, call('topology', web1, { path: '/pkg.S/M', cellId: '1' })))).toBe('denied default');
  });
});
