// What a change of documents may make without a second word, and that ordinary work in a small mesh needs none.
import { describe, expect, it } from 'vitest';
import { beyondLimits } from '../../src/limits/beyond.ts';
import { limitsOf } from '../../src/limits/limits.ts';
import type { Judged } from '../../src/store/store.ts';
import { judged } from '../support/judged.ts';
import {
  cellText,
  documentsOf,
  meshText,
  policyText,
  serviceText,
  workloadText,
  yaml,
} from '../support/resolve-text.ts';

const many = (count: number, text: (index: number) => string): string[] =>
  Array.from({ length: count }, (_, index) => text(index));
const cells = (count: number): string[] => many(count, (index) => cellText(`c${index}`, index + 1));
const state = (...documents: readonly string[]): Judged => {
  const sorted = documentsOf(yaml(meshText(), ...documents)).toSorted((a, b) => (a.key < b.key ? -1 : 1));
  const found = judged(sorted);
  expect(found.problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  return found;
};
const beyond = (before: Judged, after: Judged, given?: Record<string, string>) =>
  beyondLimits(before, after, limitsOf(given)).map(({ code, message }) => `${code}: ${message}`);
const nothing: Judged = { documents: [], problems: [] };
const statics = (count: number): string =>
  serviceText(
    'db',
    'tcp',
    `, endpoints: {static: [${many(count, (index) => `{address: 10.0.${index >> 8}.${index & 255}, port: 1}`).join(', ')}]}`,
  );

describe('sizes', () => {
  it('count for what a change makes larger, the first one as well', () => {
    expect(beyond(nothing, state(...cells(3)), { documents: '3' })).toEqual(['limit: 4 documents, and the limit is 3']);
    expect(beyond(state(...cells(3)), state(...cells(4)), { documents: '3' })).toHaveLength(1);
    // It is beyond already: whoever makes it smaller, or changes what is there, is not asked.
    expect(beyond(state(...cells(5)), state(...cells(4)), { documents: '3' })).toEqual([]);
    expect(beyond(state(...cells(3)), state(...cells(3)), { documents: '3' })).toEqual([]);
  });

  it('are those of documents, rules, endpoints, ports and dependencies', () => {
    const api = serviceText('api');
    const web = serviceText('web', 'http1', ', dependsOn: [{service: api, listen: 9000}]');
    const policy = policyText('p', 'api', 'allow', '[{from: [{service: web}]}, {from: [{cell: c0}]}]');
    const after = state(...cells(1), api, web, policy, statics(3));
    const limited = (name: string, number: number) => beyond(nothing, after, { [name]: String(number) });
    expect(limited('rules', 1)).toEqual(['limit: 2 rules, and the limit is 1']);
    expect(limited('port-rules', 1)).toEqual(['limit: 2 rules at one port, and the limit is 1']);
    expect(limited('endpoints', 2)).toEqual(['limit: 3 static endpoints, and the limit is 2']);
    expect(limited('resources', 3)).toEqual(['limit: 4 ports and dependencies, and the limit is 3']);
    expect(limited('bytes', 10)).toEqual([
      expect.stringMatching(/^limit: \d+ bytes of documents, and the limit is 10$/),
    ]);
    expect(limited('document-bytes', 10)).toHaveLength(1);
    for (const [name, number] of Object.entries({
      rules: 2,
      'port-rules': 2,
      endpoints: 3,
      resources: 4,
      documents: 6,
    }))
      expect(limited(name, number)).toEqual([]);
  });
});

describe('growth', () => {
  it('counts from a size on: a mesh that is being built grows by factors', () => {
    expect(beyond(state(...cells(5)), state(...cells(150)))).toEqual([]);
    const hundred = state(...cells(99));
    expect(beyond(hundred, state(...cells(199)))).toEqual([]);
    expect(beyond(hundred, state(...cells(200)))).toEqual(['growth: from 100 to 201 documents at once']);
    expect(beyond(hundred, state(...cells(200)), { 'growth-factor': '3' })).toEqual([]);
    expect(beyond(hundred, state(...cells(250)), { 'growth-factor': '0' })).toEqual([]);
  });

  it('is that of rules as well: a file that was generated twice over', () => {
    const rules = (count: number): string =>
      policyText(
        'p',
        'api',
        'allow',
        `[${many(count, (n) => `{from: [{prefix: "spiffe://td1/x${n}/"}]}`).join(', ')}]`,
      );
    const before = state(serviceText('api'), rules(250));
    expect(beyond(before, state(serviceText('api'), rules(500)))).toEqual([]);
    expect(beyond(before, state(serviceText('api'), rules(501)))).toEqual([
      'growth: from 250 to 501 rules at once',
      'growth: from 250 to 501 rules at one port at once',
    ]);
  });
});

describe('deletion', () => {
  it('of ten documents is ordinary work, of more than a tenth and more than ten it is not', () => {
    const before = state(...cells(29));
    expect(beyond(before, state(...cells(19)))).toEqual([]);
    expect(beyond(before, state(...cells(18)))).toEqual([
      'mass-deletion: 11 of 30 documents would be deleted at once: Cell/c18, Cell/c19, Cell/c20, Cell/c21, Cell/c22, and 6 more',
    ]);
    expect(beyond(before, state(...cells(18)), { 'deleted-percent': '40' })).toEqual([]);
    expect(beyond(state(...cells(119)), state(...cells(107)))).toEqual([]);
    expect(beyond(state(...cells(119)), state(...cells(106)))).toHaveLength(1);
    expect(beyond(state(...cells(99)), state(), { 'deleted-percent': '100' })).toEqual([]);
  });

  it('is not hidden by as many new documents, nor is a renaming of few one', () => {
    const others = many(15, (index) => cellText(`d${index}`, index + 500));
    expect(beyond(state(...cells(15)), state(...others))).toHaveLength(1);
    expect(beyond(state(...cells(15)), state(...cells(12), ...others.slice(0, 3)))).toEqual([]);
  });

  it('is that of static endpoints as well, by a shorter list or with their service', () => {
    expect(beyond(state(statics(100)), state(statics(90)))).toEqual([]);
    expect(beyond(state(statics(100)), state(statics(89)))).toEqual([
      'mass-deletion: 11 of 100 static endpoints would be deleted at once',
    ]);
    expect(beyond(state(statics(100)), state())).toHaveLength(1);
    expect(beyond(state(statics(5)), state())).toEqual([]);
  });
});

describe('a selector', () => {
  const api = serviceText('api', 'http1');
  const rule = (to: string) => policyText('p', 'api', 'allow', `[{from: [{everyone: true}]${to}}]`);
  const get = rule(', to: [{methods: [GET]}]');

  it('that lost what it named is told with its line, one that never named anything is not', () => {
    const before = state(api, get);
    const after = state(api, rule(''));
    expect(beyondLimits(before, after, limitsOf())).toMatchObject([
      {
        severity: 'error',
        code: 'selector-emptied',
        message: 'AuthorizationPolicy/p: the rule named operations, and is now about every one',
        source: { file: 'test.yaml', line: 14 },
      },
    ]);
    expect(beyond(after, before)).toEqual([]);
    expect(beyond(after, state(api, rule(''), cellText('c', 1)))).toEqual([]);
    expect(beyond(state(api), after)).toEqual([]);
    expect(beyond(before, state(api, rule(', to: [{methods: [GET, POST]}]')))).toEqual([]);
    // Others for whom there was no rule.
    expect(
      beyond(before, state(api, policyText('p', 'api', 'allow', '[{from: [{cell: c}]}]'), cellText('c', 1))),
    ).toEqual([]);
  });

  it('is also the port of a target', () => {
    const targeted = (port: string): string =>
      `kind: AuthorizationPolicy\nmetadata: {name: p}\nspec: {target: {service: api${port}}, action: deny, ` +
      'rules: [{from: [{everyone: true}]}]}';
    expect(beyond(state(api, targeted(', port: default')), state(api, targeted('')))).toEqual([
      'selector-emptied: AuthorizationPolicy/p: it named the port default, and now targets every port',
    ]);
  });

  it('of a Workload that never matched values is left alone', () => {
    const ci = (more: string) => workloadText('ci', `{identity: {spiffeId: "spiffe://td1/ci"}${more}}`);
    expect(beyond(state(ci('')), state(ci(', lifetime: 2h')))).toEqual([]);
  });
});

it('refuses limits that there are not, and numbers that are none', () => {
  for (const given of [
    { rule: '1' },
    { rules: '0' },
    { rules: 'all' },
    { 'growth-factor': '1' },
    { 'deleted-percent': '101' },
  ])
    expect(() => limitsOf(given)).toThrow(/limit/);
  expect(limitsOf({ 'growth-factor': '1.5', 'deleted-percent': '0' })).toMatchObject({ 'growth-factor': 1.5 });
});
