// Mistakes in YAML are told once, at the line that has to be changed.
import { describe, expect, test } from 'vitest';
import { parseDocuments } from '../../../src/model/parse.ts';

const service = (name: string, rest = 'spec: { protocol: http1 }') =>
  `apiVersion: cellwall/v1\nkind: Service\nmetadata: { name: ${name} }\n${rest}\n`;

const problems = (text: string): readonly string[] => {
  const result = parseDocuments(text, 'f.yaml');
  return result.kind === 'parsed'
    ? []
    : result.problems.map(({ code, message, source }) => `${source.line}:${source.column} ${code}: ${message}`);
};

test('the control: what is written right is taken', () => {
  expect(problems(`${service('a')}---\n${service('b')}`)).toEqual([]);
});

test.each([
  ['two documents', service('a') + service('b'), 5],
  ['three documents', service('a') + service('b') + service('c'), 5],
  ['after a comment', `${service('a')}# the next one\n${service('b')}`, 6],
  ['the second begins with its kind', `${service('a')}kind: Cell\napiVersion: cellwall/v1\n`, 5],
])('a forgotten "---" between documents: %s', (_, text, line) => {
  expect(problems(text)).toEqual([`${line}:1 missing-separator: a second document begins here`]);
});

test('a key that is written twice in one document is that, and nothing else', () => {
  expect(problems(`${service('a')}spec: {protocol: tcp}\n`)).toEqual(['5:1 duplicate-key: "spec" is written twice']);
});

describe('indentation', () => {
  const further = 'this line is indented further than the key above it, which has a value already';
  test.each<readonly [string, string, string]>([
    ['a key too far right', service('a', 'spec:\n  protocol: http1\n   mtls: {}'), `6:4 yaml-syntax: ${further}`],
    [
      'after a blank line and a comment',
      service('a', 'spec:\n  protocol: http1\n\n  # mode\n    mtls: {}'),
      '8:5 yaml-syntax: All mapping items must start at the same column',
    ],
    ['at the top', `apiVersion: cellwall/v1\n kind: Service\n`, `2:2 yaml-syntax: ${further}`],
    [
      'a key too far left',
      service('a', 'spec:\n  protocol: http1\n mtls: {}'),
      '6:2 yaml-syntax: All mapping items must start at the same column',
    ],
    [
      'an item too far right',
      service('a', 'spec:\n  dependsOn:\n  - service: b\n    listen: 1\n   - service: c'),
      '8:4 yaml-syntax: All sequence items must start at the same column',
    ],
    ['a tab', service('a', 'spec:\n\tprotocol: http1'), '5:1 yaml-syntax: a tab indents this line'],
    ['a missing colon', service('a', 'spec:\n  protocol http1\n  mtls: {}'), '5:3 yaml-syntax: expected "key: value"'],
  ])('%s', (_, text, problem) => {
    expect(problems(text)).toEqual([problem]);
  });
});

test.each<readonly [string, string, string]>([
  ['a quote', service('"a'), '3:19 yaml-syntax: this " is never closed'],
  ['a single quote', service("'a"), "3:19 yaml-syntax: this ' is never closed"],
  [
    'a bracket',
    'apiVersion: cellwall/v1\nmetadata: { name: a\nkind: Service\n',
    '2:11 yaml-syntax: this "{" is never closed',
  ],
  [
    'a list',
    service('a', 'spec: { dependsOn: [ {service: b, listen: 1} }'),
    '4:20 yaml-syntax: this "[" is never closed',
  ],
])('%s that is never closed is told where it was opened', (_, text, problem) => {
  expect(problems(text)).toEqual([problem]);
});
