// The index finds what comparing every pair finds.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { OperationIr, PathIr, PrincipalIr } from '../../src/policy/authorization-ir.ts';
import { covers } from '../../src/policy/decide/rule-coverage.ts';
import { findCoverer } from '../../src/policy/resolve/find-coverer.ts';

const text = fc.constantFrom('/a', '/b', '/a/b', '/');
const path: fc.Arbitrary<PathIr> = fc.oneof(
  { weight: 3, arbitrary: text.map((one): PathIr => ({ kind: 'exact', path: one })) },
  text.map((one): PathIr => ({ kind: 'prefix', path: one })),
  fc.constantFrom<PathIr>({ kind: 'template', segments: ['a', null] }, { kind: 'template', segments: [null] }),
);
const operation: fc.Arbitrary<OperationIr> = fc
  .record({ path: fc.option(path), methods: fc.option(fc.constantFrom(['GET'], ['GET', 'POST'])) })
  .map((one) => ({ ...(one.path && { path: one.path }), ...(one.methods && { methods: one.methods }) }));
const principal = fc.constantFrom<PrincipalIr>({ kind: 'everyone' }, { kind: 'anonymous' });
const rule = fc.record({
  principals: fc.array(principal, { minLength: 1, maxLength: 2 }),
  operations: fc.array(operation, { maxLength: 3 }),
});

test('the first that covers a rule, as if each were compared with it', () => {
  let found = 0;
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 12 }), rule, fc.nat(12), (rules, narrow, end) => {
      const expected = rules.slice(0, end).findIndex((wide) => covers(wide, narrow));
      if (expected >= 0) found++;
      expect(findCoverer(rules)(narrow, end)).toBe(expected);
    }),
    { numRuns: 5000 },
  );
  expect(found).toBeGreaterThan(500);
});
