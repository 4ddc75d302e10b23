// A deny rule matches every reading of a path, in the language of the expression that Envoy is sent, and in no more time for being hostile.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PathIr } from '../../src/policy/authorization-ir.ts';
import { matchPath, matchPathOf } from '../../src/policy/decide/match.ts';
import { denyPathRegex } from '../../src/translate/rbac/deny-path.ts';

const rules: readonly PathIr[] = [
  { kind: 'prefix', path: '/' },
  { kind: 'prefix', path: '/a' },
  { kind: 'prefix', path: '/a/b' },
  { kind: 'prefix', path: '/a%2fb' },
  { kind: 'exact', path: '/' },
  { kind: 'exact', path: '/a/b' },
  { kind: 'exact', path: '/a/' },
  { kind: 'exact', path: '/a+b' },
  { kind: 'exact', path: '/a%2bb' },
  { kind: 'exact', path: '/a%' },
  { kind: 'exact', path: '/a%25%25b' },
  { kind: 'exact', path: '/%C3%a9' },
  { kind: 'template', segments: ['a', null] },
  { kind: 'template', segments: [null, 'b', null] },
  { kind: 'template', segments: [null, null] },
];

const piece = fc.constantFrom(
  '/',
  '%2f',
  '%2F',
  '%5c',
  '%5C',
  'a',
  'b',
  '+',
  '%2b',
  '%2B',
  '%',
  '%25',
  '%3f',
  '%23',
  '%c3%A9',
  '%2',
);

test.each(rules)(
  '$kind $path$segments: the matcher and the expression say the same, and never less than an allow rule',
  (rule) => {
    const regex = new RegExp(`^(?:${denyPathRegex(rule)})$`);
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 7 }), (pieces) => {
        // As Envoy merges them.
        const path = `/${pieces.join('')}`.replace(/\/{2,}/g, '/');
        expect({ path, denied: matchPathOf('deny', rule, path) }).toEqual({ path, denied: regex.test(path) });
        if (matchPath(rule, path)) expect(regex.test(path)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  },
);

test('a path made to be hard takes no longer for it', () => {
  const rule: PathIr = { kind: 'template', segments: [...Array.from({ length: 200 }, () => null), 'z'] };
  const before = performance.now();
  expect(matchPathOf('deny', rule, `/${'%2f'.repeat(5000)}/x`)).toBe(false);
  expect(performance.now() - before).toBeLessThan(5000);
});
