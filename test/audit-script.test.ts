// What the dependency audit makes of npm's answers: a high vulnerability fails, no answer is called none.
import { expect, it } from 'vitest';
import { judge } from '../scripts/audit.ts';

const answer = (high: number, critical: number, total: number): string =>
  JSON.stringify({
    vulnerabilities: {
      x: { name: 'x', severity: high > 0 ? 'high' : 'critical', range: '<1.2' },
      y: { name: 'y', severity: 'low' },
    },
    metadata: { vulnerabilities: { info: 0, low: 1, moderate: 0, high, critical, total } },
  });

it.each([
  ['nothing', answer(0, 0, 0), 'clean', /^audited: 0 known/],
  ['low ones', answer(0, 0, 3), 'clean', /^audited: 3 known/],
  ['a high one', answer(1, 0, 1), 'vulnerable', /high: x <1\.2/],
  ['a critical one', answer(0, 1, 1), 'vulnerable', /critical: x/],
  [
    'no such endpoint',
    JSON.stringify({ message: '405 Method Not Allowed - POST https://a.example/-/npm' }),
    'not-asked',
    /^NOT AUDITED: 405 .+ the registry$/,
  ],
  ['no network', '', 'not-asked', /^NOT AUDITED/],
  ['something else', '[]', 'not-asked', /^NOT AUDITED/],
] as const)('of %s', (_what, output, kind, text) => {
  expect(judge(output)).toMatchObject({ kind, text: expect.stringMatching(text) });
});
