// What is valid and hardly ever meant is accepted with a warning at its line; its neighbour that is meant is accepted without one.
import { describe, expect, test } from 'vitest';
import {
  cellText,
  meshText,
  policyText,
  problemsOf,
  serviceText,
  workloadText,
  yaml,
} from '../../support/resolve-text.ts';

const warnings = (...documents: readonly string[]): readonly string[] =>
  problemsOf(yaml(...documents)).map(({ severity, code, path }) => `${severity} ${code} ${path}`);
const withMesh = (spec: string): readonly string[] => warnings(meshText('strict', spec));
const endpoint = (address: string): readonly string[] =>
  warnings(meshText(), serviceText('api', 'http1', `, endpoints: {static: [{address: "${address}", port: 80}]}`));

describe('lifetimes', () => {
  test.each(['25h', '720h', '87600h'])('of %s: too long to wait for', (lifetime) => {
    expect(withMesh(`, svid: {lifetime: ${lifetime}}`)).toEqual(['warning lifetime-long spec.svid.lifetime']);
  });
  test.each(['1s', '30s', '299s'])('of %s: no outage is survived', (lifetime) => {
    expect(withMesh(`, svid: {lifetime: ${lifetime}}`)).toEqual(['warning lifetime-short spec.svid.lifetime']);
  });
  test.each(['5m', '1h', '24h'])('of %s: none', (lifetime) => {
    expect(withMesh(`, svid: {lifetime: ${lifetime}}`)).toEqual([]);
  });
  test("a workload's: a person or an edge holds one for longer", () => {
    const workload = (lifetime: string) =>
      warnings(
        meshText(),
        workloadText('cdn', `{identity: {spiffeId: "spiffe://td1/edge/cdn"}, lifetime: ${lifetime}}`),
      );
    expect(workload('720h')).toEqual([]);
    expect(workload('8760h')).toEqual(['warning lifetime-long spec.lifetime']);
    expect(workload('20s')).toEqual(['warning lifetime-short spec.lifetime']);
  });
});

describe('endpoints', () => {
  test.each([
    '0.0.0.0',
    '0.1.2.3',
    '::',
    '169.254.169.254',
    '169.254.170.2',
    '::ffff:169.254.169.254',
    'fd00:ec2::254',
    '169.254.1.1',
    'fe80::1',
    '224.0.0.1',
    '255.255.255.255',
    'ff02::1',
  ])('%s is no host to call', (address) => {
    expect(endpoint(address)).toEqual(['warning doubtful-address spec.endpoints.static[0].address']);
  });
  test.each(['127.0.0.1', '::1', '10.0.0.1', '192.168.1.1', '203.0.113.7', 'fd00::1', '2001:db8::1'])(
    '%s is',
    (address) => {
      expect(endpoint(address)).toEqual([]);
    },
  );
  test('a name that is such an address', () => {
    const dns = (name: string) =>
      warnings(meshText(), serviceText('api', 'http1', `, endpoints: {dns: {name: "${name}", port: 80}}`));
    expect(dns('169.254.169.254')).toEqual(['warning doubtful-address spec.endpoints.dns.name']);
    expect(dns('api.example.org')).toEqual([]);
  });
});

describe('prefixes', () => {
  const from = (prefix: string) =>
    warnings(meshText(), serviceText('api'), policyText('p', 'api', 'allow', `[{from: [{prefix: "${prefix}"}]}]`));
  test('a whole trust domain', () => {
    expect(from('spiffe://td1/')).toEqual(['warning whole-trust-domain spec.rules[0].from[0].prefix']);
  });
  test('a part of it', () => {
    expect(from('spiffe://td1/service/')).toEqual([]);
  });
});

test('a loopback port on which the control plane listens', () => {
  const listen = (port: number) =>
    warnings(
      meshText(),
      serviceText('api', 'http1', ', mtls: {mode: permissive}'),
      serviceText('web', 'http1', `, dependsOn: [{service: api, listen: ${port}}]`),
    );
  for (const port of [18000, 18001, 18080])
    expect(listen(port)).toEqual(['warning control-plane-port spec.dependsOn[0].listen']);
  expect(listen(9000)).toEqual([]);
});

test('a loopback port that an outgoing connection may have', () => {
  const listen = (port: number) =>
    warnings(
      meshText(),
      serviceText('api', 'http1', ', mtls: {mode: permissive}'),
      serviceText('web', 'http1', `, dependsOn: [{service: api, listen: ${port}}]`),
    );
  for (const port of [32_768, 40_000, 60_999])
    expect(listen(port)).toEqual(['warning local-port-range spec.dependsOn[0].listen']);
  for (const port of [32_767, 61_000]) expect(listen(port)).toEqual([]);
});

describe('a dependency', () => {
  const calls = (target: string, ...policies: readonly string[]) =>
    warnings(
      meshText('strict', ', breakGlass: ["spiffe://td1/service/oncall"]'),
      cellText('cell-1', 1),
      serviceText('cell-1/api', 'http1', target),
      serviceText('cell-1/web', 'http1', ', dependsOn: [{service: api, listen: 9000}]'),
      serviceText('oncall', 'http1', ', dependsOn: [{service: cell-1/api, listen: 9000}]'),
      ...policies,
    ).filter((text) => text.includes('dependency'));
  const refused = ['warning dependency-refused spec.dependsOn[0].service'];
  const allow = (from: string, to = '') => policyText('cell-1/p', 'api', 'allow', `[{from: [${from}]${to}}]`);
  const deny = (from: string, to = '') => policyText('cell-1/d', 'api', 'deny', `[{from: [${from}]${to}}]`);

  test('that no policy allows', () => {
    expect(calls('')).toEqual(refused);
    expect(calls('', allow('{spiffeId: "spiffe://td1/cell/cell-1/service/web2"}'))).toEqual(refused);
    expect(calls('', policyText('cell-1/p', 'api', 'allow', '[{from: [{service: web}]}]', 'shadow'))).toEqual(refused);
  });
  test('that something allows', () => {
    expect(calls('', allow('{service: web}'))).toEqual([]);
    expect(calls('', allow('{cell: same}', ', to: [{methods: [GET]}]'))).toEqual([]);
    expect(calls(', mtls: {mode: permissive}')).toEqual([]);
  });
  test('that a deny rule takes away whole, or in part', () => {
    expect(calls('', allow('{service: web}'), deny('{cell: same}'))).toEqual(refused);
    expect(calls('', allow('{service: web}'), deny('{cell: same}', ', to: [{methods: [DELETE]}]'))).toEqual([]);
    expect(calls(', mtls: {mode: permissive}', deny('{service: web}'))).toEqual(refused);
  });
  test('that the defaults for cells allow', () => {
    const mesh = meshText('strict', ', authorization: {withinCell: allow}');
    const own = [
      cellText('cell-1', 1),
      serviceText('cell-1/api'),
      serviceText('cell-1/web', 'http1', ', dependsOn: [{service: api, listen: 9000}]'),
    ];
    expect(warnings(mesh, ...own)).toEqual([]);
  });
});

test('an allow policy without rules says that nobody may call', () => {
  expect(warnings(meshText(), serviceText('api'), policyText('p', 'api', 'allow', '[]'))).toEqual([
    'warning empty-policy spec.rules',
  ]);
});
