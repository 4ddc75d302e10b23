// What a change costs: as much as it concerns, and not as much as there is.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const incrementalItem: Item = fromTests({
  name: 'incremental',
  line:
    'the results of incremental translation equal those of a translation from scratch, for random documents, ' +
    'edits, endpoints, roots and two alternating generations; a change is translated only for the proxies that it ' +
    'affects, denials first, in slices',
  bound: 'equal versions of every resource; translations = proxies affected',
  files: [
    'test/control/incremental.test.ts',
    'test/control/control.test.ts',
    'test/control/slices.test.ts',
    'test/lib/trace.test.ts',
    'test/policy/resolver.test.ts',
    'test/model/parse-again.test.ts',
    'test/store/read-files.test.ts',
  ],
  limitMinutes: 30,
});
