// How often the documents are resolved.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const resolveOnceItem: Item = fromTests({
  name: 'resolve-once',
  line:
    'a state of the documents is resolved once, whatever requested it and however it ends: applied, urgent, ' +
    'refused, passed by the gate, rolled back, tried, edited in a file, held',
  bound: 'cellwall_resolves_total: 1 per state; 0 for what is unchanged, and for questions about what is in force',
  files: ['test/serve/resolve-once.test.ts', 'test/model/relocate.test.ts'],
});
