// What callers' own sidecars answer, and what ends where it is no HTTP.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const refusalsItems: readonly Item[] = [
  fromTests({
    name: 'own-sidecar-explained',
    line: "every answer of a caller's own sidecar is explained by the id in it; calls that go through cost no entry there",
    bound: 'each of 20 kinds told by whom, why and what to do; 0 allowed calls logged by the caller, 0 gaps',
    files: ['test/field/refusals/own-sidecar.test.ts', 'test/admin/own-answer-words.test.ts'],
    limitMinutes: 3,
  }),
];
