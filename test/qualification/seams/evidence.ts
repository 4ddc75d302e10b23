// Identity from evidence: selectors, templates, and the extension point "attestor".
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const evidenceItems: readonly Item[] = [
  fromTests({
    name: 'attestor',
    line: 'A throw-away attestor is added; Workloads select what it proves, exactly and by template, over the identity API',
    bound:
      'two lines outside its file at most; the contract holds; what no selectors match gets nothing, what a ' +
      'template matches gets exactly its ID, no SVID outlives its evidence',
    files: [
      'test/seams/attestor/attestor.test.ts',
      'test/identity/attestors.test.ts',
      'test/policy/identities.test.ts',
    ],
    limitMinutes: 5,
  }),
  fromTests({
    name: 'identity-templates',
    line: 'Random claims of any characters through a template, each ID parsed by go-spiffe and decoded',
    bound:
      '200,000 claim sets: distinct claims give distinct IDs, every ID is accepted, none is longer than 2048 bytes',
    files: ['test/system/spiffe-ids.test.ts'],
    limitMinutes: 5,
  }),
];
