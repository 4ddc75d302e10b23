import { expect, it } from 'vitest';
import { didYouMean } from '../../src/model/did-you-mean.ts';

it.each([
  ['servcie', ['service', 'spec'], 'service'],
  ['Strict', ['strict', 'permissive'], 'strict'],
  ['protocl', ['protocol'], 'protocol'],
  ['cel', ['cell', 'name'], 'cell'],
  ['id', ['ip'], 'ip'],
  ['banana', ['service', 'cell'], undefined],
  ['x', ['id'], undefined],
  ['s'.repeat(10_000), ['service'], undefined],
])('%s of %j: %s', (word, candidates, meant) => {
  expect(didYouMean(word, candidates)).toBe(meant);
});
