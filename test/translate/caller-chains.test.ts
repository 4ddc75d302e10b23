// Which callers have a chain, and which change renews it.
import { describe, expect, test } from 'vitest';
import { parseSpiffeId } from '../../src/model/spiffe-id.ts';
import type { MeshIr, PortIr, ServiceKey } from '../../src/policy/ir.ts';
import { portOf } from '../../src/policy/ports.ts';
import { callerChains, maxCallerChains } from '../../src/translate/inbound/caller-chains.ts';
import { cutIdentity, nextCuts } from '../../src/translate/inbound/cuts.ts';
import { meshOf, meshText, policyText, serviceText, yaml } from '../support/resolve-text.ts';

const calls = ', dependsOn: [{service: api, listen: 15001}]';

function apiOf(mesh: MeshIr): PortIr {
  const service = portOf(mesh, 'api' as ServiceKey);
  if (service === undefined) throw new Error('no api');
  return service;
}

function meshOfPolicies(policies: readonly string[], mesh = meshText()): MeshIr {
  return meshOf(
    yaml(mesh, serviceText('api'), serviceText('a', 'http1', calls), serviceText('b', 'http1', calls), ...policies),
  );
}

/** The chains that a change renews. */
function renewedBy(before: MeshIr, after: MeshIr): readonly string[] {
  const first = nextCuts(undefined, apiOf(before), before);
  const second = nextCuts(first, apiOf(after), after);
  return [...second.chains].filter(([name, { cut }]) => cut !== first.chains.get(name)?.cut).map(([name]) => name);
}

const allow = policyText('allow', 'api', 'allow', '[{from: [{everyone: true}]}]');
const deny = (from: string, to = ''): string => policyText('deny', 'api', 'deny', `[{from: [${from}]${to}}]`);

const edge = (name: string): string => `{spiffeId: "spiffe://td1/edge/${name}"}`;
const allows = (from: string, to = ''): string => policyText('allow', 'api', 'allow', `[{from: [${from}]${to}}]`);
const paths = (...prefixes: readonly string[]): string =>
  `, to: [${prefixes.map((prefix) => `{path: {prefix: ${prefix}}}`).join(', ')}]`;
const all = ['caller:a', 'caller:b', 'mtls'];

describe('what is renewed', () => {
  const more = policyText('more', 'api', 'allow', '[{from: [{service: a}]}]');
  test.each<[string, readonly string[], readonly string[], readonly string[]]>([
    ['a deny of one caller: its own', [allow], [allow, deny('{service: a}')], ['caller:a']],
    ['… for a path', [allow], [allow, deny('{service: a}', paths('/x'))], ['caller:a']],
    ['… that is lifted: none', [allow, deny('{service: a}')], [allow], []],
    ['… that is narrower: none', [allow, deny('{service: a}')], [allow, deny('{service: a}', paths('/x'))], []],
    ['a deny of everyone: all', [allow], [allow, deny('{everyone: true}')], all],
    ['a deny without a sidecar: the shared one', [allow], [allow, deny(edge('x'))], ['mtls']],
    ['another allow rule: none', [allow], [allow, more], []],
    ['a shadow deny: none', [allow], [allow, policyText('s', 'api', 'deny', '[{from: [{service: a}]}]', 'shadow')], []],
    [
      'the last rule of a caller: its own',
      [allows('{service: a}, {service: b}')],
      [allows('{service: b}')],
      ['caller:a'],
    ],
    ['everyone, and then one: who is not', [allow], [allows('{service: b}')], ['caller:a', 'mtls']],
    [
      'a rule becomes narrower',
      [allows('{service: a}', paths('/x', '/y'))],
      [allows('{service: a}', paths('/x'))],
      ['caller:a'],
    ],
    [
      '… for a prefix of it',
      [allows('{service: a}', paths('/x'))],
      [allows('{service: a}', paths('/x/y'))],
      ['caller:a'],
    ],
    ['… wider: none', [allows('{service: a}', paths('/x/y'))], [allows('{service: a}', paths('/x'))], []],
    [
      '… in other words: none',
      [allows('{service: a}', paths('/x', '/y'))],
      [allows('{service: a}', paths('/y', '/x'))],
      [],
    ],
    ['… said twice, and then once: none', [allow, more], [allow], []],
    [
      '… without a sidecar: the shared one',
      [allows(edge('x'), paths('/x', '/y'))],
      [allows(edge('x'), paths('/x'))],
      ['mtls'],
    ],
    ['… the last one of two there', [allows(`${edge('x')}, ${edge('y')}`)], [allows(edge('y'))], ['mtls']],
    ['a prefix instead of a name: none', [allows(edge('x'))], [allows('{prefix: "spiffe://td1/edge/"}')], []],
    ['no policy and then one: all that it does not let in', [], [allows('{service: a}')], []],
  ])('%s', (_what, before, after, renewed) => {
    expect(renewedBy(meshOfPolicies(before), meshOfPolicies(after))).toEqual(renewed);
  });

  test('permissive without a policy, and then with one', () => {
    const permissive = meshText('permissive');
    const open = meshOfPolicies([], permissive);
    expect(renewedBy(open, meshOfPolicies([allows('{service: a}')], permissive))).toEqual([
      'caller:b',
      'mtls',
      'plain',
    ]);
    expect(renewedBy(open, meshOfPolicies([allow], permissive))).toEqual([]);
  });

  test('the same loss again is another cut', () => {
    const wide = meshOfPolicies([allow]);
    const narrow = meshOfPolicies([allows('{service: b}')]);
    let cuts = nextCuts(undefined, apiOf(wide), wide);
    const seen = new Set<string | undefined>();
    for (let round = 0; round < 3; round++) {
      cuts = nextCuts(cuts, apiOf(narrow), narrow);
      seen.add(cuts.chains.get('caller:a')?.cut);
      cuts = nextCuts(cuts, apiOf(wide), wide);
      seen.add(cuts.chains.get('caller:a')?.cut);
    }
    expect(seen.size).toBe(3);
  });

  test('an identity that is gone: the shared chain, and its own; not where it has no rights', () => {
    const mesh = meshOfPolicies([allows('{service: a}, {prefix: "spiffe://td1/edge/"}')]);
    const first = nextCuts(undefined, apiOf(mesh), mesh);
    const renewed = (id: string): readonly string[] => {
      const spiffeId = parseSpiffeId(id);
      if (spiffeId === undefined) throw new Error(id);
      const second = cutIdentity(first, { id: spiffeId, why: 'ended' }, apiOf(mesh), mesh);
      return [...second.chains].filter(([name, { cut }]) => cut !== first.chains.get(name)?.cut).map(([name]) => name);
    };
    expect(renewed('spiffe://td1/edge/x')).toEqual(['mtls']);
    expect(renewed('spiffe://td1/service/a')).toEqual(['caller:a', 'mtls']);
    expect(renewed('spiffe://td1/other')).toEqual([]);
  });

  test('nothing of a break-glass identity', () => {
    const glass = meshText('strict', ', breakGlass: ["spiffe://td1/service/a"]');
    const mesh = (...more: readonly string[]) => meshOfPolicies([allow, ...more], glass);
    expect(renewedBy(mesh(), mesh(deny('{everyone: true}')))).toEqual(['caller:b', 'mtls']);
  });

  test('who is no break-glass identity any more', () => {
    const glass = meshText('strict', ', breakGlass: ["spiffe://td1/service/a"]');
    expect(
      renewedBy(meshOfPolicies([allows('{service: b}')], glass), meshOfPolicies([allows('{service: b}')])),
    ).toEqual(['caller:a']);
  });
});

test('very many callers share chains, each caller in exactly one', () => {
  const callers = Array.from({ length: maxCallerChains + 50 }, (_, index) => `caller-${index}`);
  const mesh = meshOf(
    yaml(meshText(), serviceText('api'), ...callers.map((name) => serviceText(name, 'http1', calls))),
  );
  const found = callerChains(apiOf(mesh), mesh);
  expect(found.length).toBeLessThanOrEqual(maxCallerChains);
  expect(found.flatMap(({ callers: of }) => of).sort()).toEqual(
    callers.map((name) => `spiffe://td1/service/${name}`).sort(),
  );
  const names = found.flatMap(({ serverNames }) => serverNames);
  expect(new Set(names).size).toBe(callers.length);
});
