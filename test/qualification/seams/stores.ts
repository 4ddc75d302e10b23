// The extension point "store".
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const storeItem: Item = fromTests({
  name: 'store',
  line:
    'A throw-away store (a snapshot in one file) is added: with `--store` and `--store-option` a control plane ' +
    'runs on it, and is restarted',
  bound:
    'two lines outside its file at most; the contract holds for it and for every other; missing and unknown ' +
    'options are reported',
  files: [
    'test/seams/store/store.test.ts',
    ...['directory', 'memory', 'redis'].map((name) => `test/store/${name}.test.ts`),
  ],
});
