import { describe, expect, test } from 'vitest';
import type { ServiceKey } from '../../src/policy/ir.ts';
import { portOf } from '../../src/policy/ports.ts';
import { check } from '../../src/policy/resolve/check.ts';
import { resolve } from '../../src/policy/resolve/resolve.ts';
import { type DescribedField, descriptorSet } from '../support/descriptor-set.ts';
import {
  problemsOf as allProblemsOf,
  cellText,
  documentsOf,
  meshOf,
  meshText,
  policyText,
  serviceText,
  workloadText,
  yaml,
} from '../support/resolve-text.ts';
import { createTestCa } from '../support/test-ca.ts';

const base = [
  meshText('strict'),
  cellText('cell-1', 1),
  serviceText('cell-1/api', 'http2', ', dependsOn: [{service: db, listen: 7001}]'),
  serviceText('cell-1/db', 'tcp'),
  serviceText('web', 'http1', ', mtls: {mode: permissive}, dependsOn: [{service: cell-1/api, listen: 7001}]'),
];
/** Without those of dependencies that nothing allows: `base` has no policies. They have tests of their own. */
const problemsOf = (text: string) => allProblemsOf(text).filter(({ code }) => code !== 'dependency-refused');
const key = (text: string): ServiceKey => text as ServiceKey;

describe('a good state', () => {
  const mesh = meshOf(
    yaml(
      ...base,
      policyText(
        'cell-1/api',
        'api',
        'allow',
        '[{from: [{service: web}, {cell: same}], to: [{methods: [GET], path: {prefix: /v1}}, {grpc: a.B/C}, ' +
          '{path: {template: "/x/{id}"}}]}]',
      ),
      policyText('cell-1/watch', 'api', 'deny', '[{from: [{trustDomain: td1}]}]', 'shadow'),
      workloadText('router', '{identity: {spiffeId: "spiffe://td1/edge/router"}}'),
    ),
  );

  test('services know their identity, cell, neighbours and defaults', () => {
    const api = portOf(mesh, key('cell-1/api'));
    expect(api).toMatchObject({
      spiffeId: 'spiffe://td1/cell/cell-1/service/api',
      cell: { name: 'cell-1', id: 1, region: 'east' },
      mtls: { mode: 'strict' },
      connectionAgeMs: 20 * 60_000,
      endpoints: { kind: 'sidecars' },
    });
    expect(mesh.services.get(key('cell-1/api'))?.dependsOn).toEqual([
      { target: 'cell-1/db', port: 'cell-1/db', listen: 7001, hosts: [] },
    ]);
    expect(portOf(mesh, key('web'))).toMatchObject({
      spiffeId: 'spiffe://td1/service/web',
      mtls: { mode: 'permissive' },
    });
    expect(mesh.serviceOf.get(api?.spiffeId ?? ('' as never))).toBe('cell-1/api');
    expect([...mesh.identities.exact.keys()].toSorted()).toEqual([
      'spiffe://td1/cell/cell-1/service/api',
      'spiffe://td1/cell/cell-1/service/db',
      'spiffe://td1/edge/router',
      'spiffe://td1/service/web',
    ]);
  });

  test('rules know their name, place, callers and operations', () => {
    const { authorization } = portOf(mesh, key('cell-1/api')) ?? {};
    expect(authorization).toMatchObject({
      fallback: 'deny',
      deny: [],
      shadowAllow: [],
      shadowDeny: [{ id: 'cell-1/watch/0', principals: [{ kind: 'prefix', prefix: 'spiffe://td1/' }], operations: [] }],
      allow: [
        {
          id: 'cell-1/api/0',
          policy: 'AuthorizationPolicy/cell-1/api',
          source: { file: 'test.yaml', line: 29 },
          principals: [
            { kind: 'id', id: 'spiffe://td1/service/web' },
            { kind: 'prefix', prefix: 'spiffe://td1/cell/cell-1/' },
          ],
          operations: [
            { methods: ['GET'], path: { kind: 'prefix', path: '/v1' } },
            { path: { kind: 'exact', path: '/a.B/C' } },
            { path: { kind: 'template', segments: ['x', null] } },
          ],
        },
      ],
    });
  });

  test('the same documents give an equal mesh', () => {
    const text = yaml(...base);
    expect(meshOf(text)).toEqual(meshOf(text));
  });

  test.each([
    ['strict, no policy', 'strict', [], 'deny'],
    ['permissive, no policy', 'permissive', [], 'allow'],
    ['permissive, shadow only', 'permissive', [policyText('p', 'web', 'allow', '[]', 'shadow')], 'allow'],
    [
      'permissive, enforced deny',
      'permissive',
      [policyText('p', 'web', 'deny', '[{from: [{anonymous: true}]}]')],
      'deny',
    ],
    ['permissive, empty allow', 'permissive', [policyText('p', 'web', 'allow', '[]')], 'deny'],
  ] as const)('fallback: %s', (_, mode, policies, fallback) => {
    const mesh = meshOf(yaml(meshText(mode), serviceText('web'), ...policies));
    expect(portOf(mesh, key('web'))?.authorization.fallback).toBe(fallback);
  });

  test('connection age stays below half of the shortest lifetime', () => {
    const short = meshOf(yaml(...base, workloadText('w', '{identity: {service: web}, lifetime: 30s}'))).services.get(
      key('web'),
    );
    expect(short?.ports[0]?.connectionAgeMs).toBe(10_000);
    const long = meshOf(yaml(meshText('strict', ', svid: {lifetime: 7d}'), serviceText('web'))).services.get(
      key('web'),
    );
    expect(long?.ports[0]?.connectionAgeMs).toBe(3_600_000);
  });
});

const rule = (from: string, to = ''): string => `[{from: [${from}]${to === '' ? '' : `, to: [${to}]`}}]`;

describe('problems', () => {
  const cases: readonly (readonly [name: string, documents: readonly string[], code: string, hint?: string])[] = [
    ['unknown target', [policyText('p', 'wbe', 'allow', '[]')], 'unknown-service', 'did you mean "web"?'],
    [
      'bare name of a service in a cell',
      [policyText('p', 'api', 'allow', '[]')],
      'unknown-service',
      'did you mean "cell-1/api"?',
    ],
    [
      'unknown caller',
      [policyText('p', 'web', 'allow', rule('{service: cell-1/apx}'))],
      'unknown-service',
      'did you mean "cell-1/api"?',
    ],
    [
      'unknown cell of a source',
      [policyText('p', 'web', 'allow', rule('{cell: cell-2}'))],
      'unknown-cell',
      'did you mean "cell-1"?',
    ],
    ['unknown cell of a service', [serviceText('cell-9/x')], 'unknown-cell'],
    ['unknown cell of a policy', [policyText('cell-9/p', 'web', 'allow', '[]')], 'unknown-cell'],
    [
      'unknown cell of an endpoint',
      [serviceText('x', 'http1', ', endpoints: {static: [{address: 10.0.0.1, port: 1, cell: nope}]}')],
      'unknown-cell',
    ],
    ['cell: same outside cells', [policyText('p', 'web', 'allow', rule('{cell: same}'))], 'cell-same-without-cell'],
    ['depends on itself', [serviceText('x', 'http1', ', dependsOn: [{service: x, listen: 1}]')], 'depends-on-itself'],
    [
      'same dependency twice',
      [serviceText('x', 'http1', ', dependsOn: [{service: web, listen: 1}, {service: web, listen: 2}]')],
      'duplicate-dependency',
    ],
    [
      'one port twice',
      [serviceText('x', 'http1', ', dependsOn: [{service: web, listen: 1}, {service: cell-1/api, listen: 1}]')],
      'duplicate-port',
    ],
    [
      'dangling dependency',
      [serviceText('x', 'http1', ', dependsOn: [{service: gone, listen: 1}]')],
      'unknown-service',
    ],
    [
      'path on TCP',
      [policyText('p', 'cell-1/db', 'allow', rule('{service: cell-1/api}', '{path: {exact: /a}}'))],
      'http-on-tcp',
    ],
    [
      'method on TCP',
      [policyText('p', 'cell-1/db', 'deny', rule('{everyone: true}', '{methods: [GET]}'))],
      'http-on-tcp',
    ],
    [
      'gRPC on TCP',
      [policyText('p', 'cell-1/db', 'allow', rule('{service: cell-1/api}', '{grpc: a.B/C}'))],
      'http-on-tcp',
    ],
    ['gRPC on HTTP/1.1', [policyText('p', 'web', 'allow', rule('{everyone: true}', '{grpc: a.B/C}'))], 'grpc-on-http1'],
    [
      'gRPC and path',
      [policyText('p', 'cell-1/api', 'allow', rule('{service: web}', '{grpc: a.B/C, path: {exact: /a}}'))],
      'grpc-with-http',
    ],
    ['empty operation', [policyText('p', 'web', 'allow', rule('{everyone: true}', '{}'))], 'empty-operation'],
    [
      'prefix with a slash',
      [policyText('p', 'web', 'allow', rule('{everyone: true}', '{path: {prefix: /api/}}'))],
      'prefix-slash',
      'write "/api": it ends at a segment by itself',
    ],
    [
      'dot segments',
      [policyText('p', 'web', 'deny', rule('{everyone: true}', '{path: {exact: /a/../b}}'))],
      'path-not-normal',
      'paths are normalised first; write "/b"',
    ],
    [
      'a path that is always escaped',
      [policyText('p', 'web', 'deny', rule('{everyone: true}', '{path: {exact: "/a|b"}}'))],
      'path-not-normal',
    ],
    [
      'a dot segment in a template',
      [policyText('p', 'web', 'deny', rule('{everyone: true}', '{path: {template: "/a/../{x}"}}'))],
      'path-not-normal',
    ],
    ['foreign workload', [workloadText('w', '{identity: {spiffeId: "spiffe://td2/x"}}')], 'foreign-trust-domain'],
    [
      'reserved workload',
      [workloadText('w', '{identity: {spiffeId: "spiffe://td1/cellwall/server"}}')],
      'reserved-identity',
    ],
    [
      'one identity twice',
      [
        workloadText('w', '{identity: {service: web}}'),
        workloadText('v', '{identity: {spiffeId: "spiffe://td1/service/web"}}'),
      ],
      'duplicate-identity',
    ],
    ['dangling workload', [workloadText('w', '{identity: {service: webb}}')], 'unknown-service'],
    [
      'legacy authority under strict',
      [serviceText('x', 'http1', ', mtls: {mode: strict, legacyAuthority: old}')],
      'legacy-under-strict',
    ],
    [
      'unknown legacy authority',
      [serviceText('x', 'http1', ', mtls: {mode: permissive, legacyAuthority: old}')],
      'unknown-legacy-authority',
    ],
    [
      'connection age too long',
      [serviceText('x', 'http1', ', connectionAge: 31m')],
      'connection-age',
      'at most 1800s here, as SVIDs live 3600s',
    ],
    ['connection age zero', [serviceText('x', 'http1', ', connectionAge: 0s')], 'connection-age'],
    ['health check without a path', [serviceText('x', 'grpc', ', healthCheck: {}')], 'health-check-without-path'],
    ['health path on TCP', [serviceText('x', 'tcp', ', health: {path: /h}')], 'http-on-tcp'],
    ['second mesh', ['kind: Mesh\nmetadata: {name: other}\nspec: {trustDomain: td2}'], 'second-mesh'],
    ['cell id twice', [cellText('cell-2', 1)], 'duplicate-cell-id'],
    ['connect timeout zero', [serviceText('x', 'http1', ', timeouts: {connect: 0s}')], 'zero-duration'],
  ];
  test.each(cases.map(([name, documents, code, hint]) => ({ name, documents, code, hint })))(
    'error: $name',
    ({ documents, code, hint }) => {
      const found = problemsOf(yaml(...base, ...documents)).filter(({ severity }) => severity === 'error');
      expect(found.map((problem) => problem.code)).toEqual([code]);
      const [problem] = found;
      if (hint !== undefined) expect(problem?.hint).toBe(hint);
      expect(problem?.hint).toBeTruthy();
      expect(problem?.source.line).toBeGreaterThan(22);
    },
  );

  test.each<readonly [string, string]>([
    ['no dependency', policyText('p', 'web', 'allow', rule('{service: cell-1/api}'))],
    ['unknown identity', policyText('p', 'web', 'allow', rule('{spiffeId: "spiffe://td1/nobody"}'))],
    ['foreign identity', policyText('p', 'web', 'allow', rule('{spiffeId: "spiffe://td2/x"}'))],
    ['foreign domain, denied', policyText('p', 'web', 'deny', rule('{trustDomain: td2}'))],
    ['anonymous under strict', policyText('p', 'cell-1/api', 'allow', rule('{anonymous: true}'))],
    ['a prefix of nobody', policyText('p', 'web', 'allow', rule('{prefix: "spiffe://td1/jobs/"}'))],
  ])('warning, matches nobody: %s', (_, policy) => {
    const found = check(documentsOf(yaml(...base, policy))).problems.filter(
      ({ code }) => code !== 'dependency-refused',
    );
    expect(found).toMatchObject([{ severity: 'warning', code: 'matches-nobody', path: 'spec.rules[0].from[0]' }]);
  });

  test('a deny of somebody who does not come yet is no warning', () => {
    expect(problemsOf(yaml(...base, policyText('p', 'web', 'deny', rule('{service: cell-1/api}'))))).toEqual([]);
  });

  test('all at once, each at its line and column', () => {
    const text = yaml(
      meshText(),
      serviceText('web', 'http1', ', dependsOn: [{service: wbe, listen: 1}]'),
      policyText('p', 'webb', 'allow', '[]'),
    );
    expect(problemsOf(text)).toMatchObject([
      { code: 'unknown-service', source: { line: 9, column: 47 }, path: 'spec.dependsOn[0].service' },
      { code: 'unknown-service', source: { line: 14, column: 26 }, path: 'spec.target.service' },
    ]);
  });

  test('no mesh, and no documents at all', () => {
    expect(problemsOf(yaml(cellText('cell-1', 1)))).toMatchObject([{ code: 'no-mesh', source: { file: 'test.yaml' } }]);
    expect(resolve([])).toMatchObject({ kind: 'unresolved', problems: [{ code: 'no-mesh' }] });
  });

  test('one key in two files', () => {
    const both = [...documentsOf(yaml(...base), 'a.yaml'), ...documentsOf(yaml(serviceText('web')), 'b.yaml')];
    expect(check(both).problems).toMatchObject([{ code: 'duplicate-document', source: { file: 'b.yaml', line: 1 } }]);
  });
});

describe('legacy authorities', () => {
  const withPem = (pem: string, trustDomain = 'td1'): string =>
    yaml(
      `kind: Mesh\nmetadata: {name: mesh}\nspec:\n  trustDomain: ${trustDomain}\n  legacyAuthorities:\n    - ` +
        `name: old\n      certificates: ${JSON.stringify(pem)}`,
      serviceText('web', 'http1', ', mtls: {mode: permissive, legacyAuthority: old}'),
    );

  test('a CA certificate is taken, a leaf, garbage and a key are refused where they stand', async () => {
    const ca = await createTestCa();
    const leaf = await ca.issue({ dns: ['a.example'] });
    expect(meshOf(withPem(ca.root)).legacyAuthorities.get('old')?.certificates).toBe(ca.root);
    const web = meshOf(withPem(ca.root)).services.get(key('web'));
    expect(web?.mtls).toEqual({ mode: 'permissive', legacyAuthority: 'old' });
    const broken = ca.root.replace(/M/g, 'N');
    for (const pem of [
      '',
      'garbage',
      `${ca.root}\ntail`,
      leaf.certificate,
      leaf.key,
      broken,
      ca.root + leaf.certificate,
    ]) {
      const found = problemsOf(withPem(pem));
      expect(found).toMatchObject([{ code: 'bad-certificate', source: { line: 8, column: 21 } }]);
      expect(JSON.stringify(found)).not.toContain(leaf.key.slice(30, 60));
    }
  });

  test('none beside a trust domain that no name constraint can speak of', async () => {
    const { root } = await createTestCa();
    expect(problemsOf(withPem(root, '.td1'))).toMatchObject([{ code: 'unconstrained-authority' }]);
    expect(problemsOf(withPem(root, 'td1.'))).toEqual([]);
  });
});

describe('rules that change nothing', () => {
  const everyone = '{from: [{everyone: true}]}';
  const warningsOf = (...documents: string[]): string[] =>
    problemsOf(yaml(...base, ...documents)).map(({ code, source, severity }) => `${severity} ${code} ${source.line}`);
  const lineOf = (text: string, documents: readonly string[]): number =>
    yaml(...base, ...documents)
      .split('\n')
      .findIndex((line) => line.includes(text)) + 1;

  test.each<readonly [string, readonly string[], string]>([
    [
      'covered by an earlier rule of the same policy',
      [
        policyText(
          'cell-1/p',
          'api',
          'allow',
          '[{from: [{cell: same}]}, {from: [{cell: cell-1}], to: [{methods: [GET]}]}]',
        ),
      ],
      'rule-shadowed',
    ],
    [
      'covered by another policy, path in path',
      [
        policyText('cell-1/a', 'api', 'allow', '[{from: [{cell: same}], to: [{path: {prefix: /v1}}]}]'),
        policyText('cell-1/p', 'api', 'allow', '[{from: [{service: api}], to: [{path: {template: "/v1/{id}"}}]}]'),
      ],
      'rule-shadowed',
    ],
    [
      'allowed and denied',
      [
        policyText('cell-1/a', 'api', 'deny', '[{from: [{cell: same}], to: [{path: {prefix: /v1}}]}]'),
        policyText(
          'cell-1/p',
          'api',
          'allow',
          '[{from: [{cell: same}], to: [{methods: [GET], path: {exact: /v1/x}}]}]',
        ),
      ],
      'allow-denied',
    ],
    ['denies everyone', [policyText('cell-1/p', 'api', 'deny', `[${everyone}]`)], 'denies-everyone'],
    ['a deny without rules', [policyText('cell-1/p', 'api', 'deny', '[]')], 'empty-policy'],
    [
      'an allow without rules beside another',
      [
        policyText('cell-1/a', 'api', 'allow', '[{from: [{service: web}]}]'),
        policyText('cell-1/p', 'api', 'allow', '[]'),
      ],
      'empty-policy',
    ],
  ])('%s', (_, documents, code) => {
    const text = documents.at(-1) ?? '';
    const line = lineOf(text.split('\n').at(-1) ?? '', documents);
    expect(warningsOf(...documents)).toEqual([`warning ${code} ${line}`]);
  });

  test.each<readonly [string, readonly string[]]>([
    [
      'a narrower rule first',
      [policyText('cell-1/p', 'api', 'allow', '[{from: [{service: api}]}, {from: [{cell: same}]}]')],
    ],
    [
      'a deny of a part',
      [
        policyText('cell-1/a', 'api', 'deny', '[{from: [{cell: same}], to: [{path: {exact: /v1}}]}]'),
        policyText('cell-1/p', 'api', 'allow', '[{from: [{cell: same}], to: [{path: {prefix: /v1}}]}]'),
      ],
    ],
    [
      'a shadow rule over an enforced one',
      [
        policyText('cell-1/a', 'api', 'deny', '[{from: [{cell: same}]}]', 'shadow'),
        policyText('cell-1/p', 'api', 'allow', '[{from: [{cell: same}]}]'),
      ],
    ],
    [
      'another method',
      [
        policyText(
          'cell-1/p',
          'api',
          'allow',
          '[{from: [{cell: same}], to: [{methods: [GET]}]}, {from: [{cell: same}], to: [{methods: [GET, PUT]}]}]',
        ),
      ],
    ],
  ])('no warning: %s', (_, documents) => {
    expect(warningsOf(...documents)).toEqual([]);
  });
});

describe('break-glass', () => {
  const oncall = workloadText('oncall', '{identity: {spiffeId: "spiffe://td1/oncall"}}');
  const problems = (ids: string, ...documents: string[]): string[] =>
    problemsOf(yaml(meshText('strict', `, breakGlass: [${ids}]`), ...base.slice(1), oncall, ...documents)).map(
      ({ code, severity }) => `${severity} ${code}`,
    );

  test('a policy that names it is refused, also as a shadow; a wider one is not', () => {
    const denies = (from: string, mode: string): string =>
      policyText('cell-1/p', 'api', 'deny', `[{from: [${from}]}]`, mode);
    expect(problems('"spiffe://td1/oncall"', denies('{spiffeId: "spiffe://td1/oncall"}', 'enforce'))).toContain(
      'error denies-break-glass',
    );
    expect(problems('"spiffe://td1/oncall"', denies('{spiffeId: "spiffe://td1/oncall"}', 'shadow'))).toContain(
      'error denies-break-glass',
    );
    expect(problems('"spiffe://td1/oncall"', denies('{trustDomain: td1}', 'enforce'))).toEqual([]);
  });

  test('is of this trust domain, never the control plane, and somebody', () => {
    expect(problems('"spiffe://td2/oncall"')).toEqual(['error foreign-trust-domain']);
    expect(problems('"spiffe://td1/cellwall/server"')).toEqual(['error reserved-identity']);
    expect(problems('"spiffe://td1/nobody"')).toEqual(['warning matches-nobody']);
    expect(problems('"spiffe://td1/oncall"')).toEqual([]);
  });
});

describe('matching cell', () => {
  const int = (name: string, more: object = {}): DescribedField => ({ name, number: 1, ...more });
  const described = Buffer.from(
    descriptorSet('pkg.S', [
      { name: 'Unary', fields: [int('cell_id')] },
      { name: 'Down', fields: [int('cell_id')], serverStreaming: true },
      { name: 'Up', fields: [int('cell_id')], clientStreaming: true },
      { name: 'Both', fields: [int('cell_id')], clientStreaming: true, serverStreaming: true },
      { name: 'Repeated', fields: [int('cell_id', { repeated: true })] },
      { name: 'Oneof', fields: [int('cell_id', { oneof: true })] },
      { name: 'Flag', fields: [int('cell_id', { type: 'BOOL' })] },
      { name: 'Without' },
    ]),
  ).toString('base64');
  const problems = (to: string, action = 'allow', spec = `, grpc: {descriptorSet: "${described}"}`): string[] =>
    problemsOf(
      yaml(
        ...base,
        serviceText('topology', 'grpc', spec),
        policyText('p', 'topology', action, `[{from: [{authenticated: true}], to: [${to}]}]`),
      ),
    ).map(({ code, severity }) => `${severity} ${code}`);

  test.each<readonly [string, string, readonly string[]]>([
    ['a unary method', '{grpc: pkg.S/Unary, matchingCell: {}}', []],
    ['a stream of answers', '{grpc: pkg.S/Down, matchingCell: {field: cell_id}}', []],
    ['a stream of requests', '{grpc: pkg.S/Up, matchingCell: {}}', ['error matching-cell-streaming']],
    ['both', '{grpc: pkg.S/Both, matchingCell: {}}', ['error matching-cell-streaming']],
    ['a repeated field', '{grpc: pkg.S/Repeated, matchingCell: {}}', ['error matching-cell-field']],
    ['a member of a oneof', '{grpc: pkg.S/Oneof, matchingCell: {}}', ['error matching-cell-field']],
    ['a bool', '{grpc: pkg.S/Flag, matchingCell: {}}', ['error matching-cell-field']],
    ['a field that is not there', '{grpc: pkg.S/Without, matchingCell: {}}', ['error matching-cell-field']],
    ['a method that is not there', '{grpc: pkg.S/Unry, matchingCell: {}}', ['error unknown-grpc-method']],
    ['all methods', '{grpc: pkg.S/*, matchingCell: {}}', ['error matching-cell-without-method']],
    ['a path', '{path: {exact: /pkg.S/Unary}, matchingCell: {}}', ['error matching-cell-without-method']],
  ])('%s', (_, to, expected) => {
    expect(problems(to)).toEqual(expected);
  });

  test('never in a deny rule, never without descriptors, which have to be some', () => {
    const unary = '{grpc: pkg.S/Unary, matchingCell: {}}';
    expect(problems(unary, 'deny')).toEqual(['error matching-cell-in-deny']);
    expect(problems(unary, 'allow', '')).toEqual(['error matching-cell-without-descriptors']);
    expect(problems('{grpc: pkg.S/Unary}', 'allow', ', grpc: {descriptorSet: "AAAA"}')).toEqual([
      'error bad-descriptor-set',
    ]);
  });

  test('a rule that asks for the cell does not cover one that does not', () => {
    expect(problems('{grpc: pkg.S/Unary, matchingCell: {}}, {grpc: pkg.S/Unary}')).toEqual([]);
    const rules =
      '[{from: [{authenticated: true}], to: [{grpc: pkg.S/Unary, matchingCell: {}}]}, {from: [{eachCell: api}], ' +
      'to: [{grpc: pkg.S/Unary}]}]';
    expect(
      problemsOf(
        yaml(
          ...base,
          serviceText('topology', 'grpc', `, grpc: {descriptorSet: "${described}"}`),
          policyText('p', 'topology', 'allow', rules),
        ),
      ),
    ).toEqual([]);
  });
});
