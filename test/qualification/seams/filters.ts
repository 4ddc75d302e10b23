// The extension point "Envoy filter".
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const filterItem: Item = fromTests({
  name: 'filter',
  line:
    'A throw-away filter (a quota decided by an external service) is added; a real Envoy asks it about the ' +
    'callers that rules allow, and about nobody else',
  bound:
    'two lines outside its file at most; the contract holds for it and for every other; no golden file changes; ' +
    'without its resource, or its service, everybody is denied; the record names it',
  files: ['test/seams/filter/filter.test.ts', 'test/translate/filters.test.ts'],
});
