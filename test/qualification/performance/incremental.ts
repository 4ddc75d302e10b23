// What a change costs: as much as it concerns, and not as much as there is.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const incrementalItem: Item = fromTests({
  name: 'incremental',
  line:
    'what is made from one edit to the next is what would be made from nothing, for random documents, edits, ' +
    'endpoints, roots and two generations in turns; a change is translated for the proxies that it concerns, ' +
    'denials first, in slices',
  bound: 'equal versions of every resource; translations = proxies concerned',
  files: [
    'test/control/incremental.test.ts',
    'test/control/control.test.ts',
    'test/control/slices.test.ts',
    'test/lib/trace.test.ts',
  ],
  limitMinutes: 30,
});
