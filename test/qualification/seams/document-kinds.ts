// The extension point "kind of document".
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const documentKindItem: Item = fromTests({
  name: 'document-kind',
  line:
    'A throw-away kind of document (a quota) is added: parsed, resolved against the others, stored, on the page of ' +
    'documents and in the JSON schema',
  bound:
    'two lines outside its file at most; the contract holds for it and for every other; what does not fit is told at its line, with a hint',
  files: ['test/seams/document-kind/document-kind.test.ts', 'test/model/kinds.test.ts'],
});
