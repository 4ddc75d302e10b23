// Which callers have a chain, and which change renews it.
import { describe, expect, test } from 'vitest';
import type { MeshIr, ServiceIr, ServiceKey } from '../../src/policy/ir.ts';
import { callerChains, maxCallerChains, sharedCut } from '../../src/translate/inbound/caller-chains.ts';
import { meshOf, meshText, policyText, serviceText, yaml } from '../support/resolve-text.ts';

const calls = ', dependsOn: [{service: api, listen: 15001}]';

function apiOf(mesh: MeshIr): ServiceIr {
  const service = mesh.services.get('api' as ServiceKey);
  if (service === undefined) throw new Error('no api');
  return service;
}

function chains(...policies: readonly string[]) {
  const mesh = meshOf(
    yaml(
      meshText(),
      serviceText('api'),
      serviceText('a', 'http1', calls),
      serviceText('b', 'http1', calls),
      ...policies,
    ),
  );
  const [a, b] = callerChains(apiOf(mesh), mesh).map(({ cut }) => cut);
  return { a, b, shared: sharedCut('mtls', apiOf(mesh), mesh) };
}

const allow = policyText('allow', 'api', 'allow', '[{from: [{everyone: true}]}]');
const deny = (from: string, to = ''): string => policyText('deny', 'api', 'deny', `[{from: [${from}]${to}}]`);

describe('what is renewed', () => {
  const before = chains(allow);
  test.each([
    ['a deny of one caller: its own', [allow, deny('{service: a}')], ['a']],
    ['a deny of one caller for a path: its own', [allow, deny('{service: a}', ', to: [{path: {prefix: /x}}]')], ['a']],
    ['a deny of everyone: all', [allow, deny('{everyone: true}')], ['a', 'b', 'shared']],
    [
      'a deny of an identity without a sidecar: the shared one',
      [allow, deny('{spiffeId: "spiffe://td1/edge/x"}')],
      ['shared'],
    ],
    ['another allow rule: none', [allow, policyText('more', 'api', 'allow', '[{from: [{service: a}]}]')], []],
    ['a shadow deny: none', [allow, policyText('s', 'api', 'deny', '[{from: [{service: a}]}]', 'shadow')], []],
    [
      'the last allow rule of a caller: its own',
      [policyText('allow', 'api', 'allow', '[{from: [{service: b}]}]')],
      ['a'],
    ],
  ])('%s', (_what, policies, renewed) => {
    const after = chains(...policies);
    const changed = (['a', 'b', 'shared'] as const).filter((one) => after[one] !== before[one]);
    expect(changed).toEqual(renewed);
  });

  test('nothing of a break-glass identity', () => {
    const withGlass = (text: string) =>
      yaml(
        meshText('strict', ', breakGlass: ["spiffe://td1/service/a"]'),
        serviceText('api'),
        serviceText('a', 'http1', calls),
        allow,
        text,
      );
    const cutOf = (text: string) => {
      const mesh = meshOf(text);
      return callerChains(apiOf(mesh), mesh).map(({ cut }) => cut);
    };
    expect(cutOf(withGlass(deny('{everyone: true}')))).toEqual(cutOf(withGlass(serviceText('other'))));
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
