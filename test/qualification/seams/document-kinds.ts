// The extension point "kind of document".
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const documentKindItem: Item = fromTests({
  name: 'document-kind',
  line:
    'A throw-away kind of document (a quota) is added: parsed, resolved against the others, stored, in ' +
    'docs/documents.md and in the JSON schema',
  bound:
    'two lines outside its file at most; the contract holds for it and for every other; what does not fit is ' +
    'reported at its line, with a hint',
  files: ['test/seams/document-kind/document-kind.test.ts', 'test/model/kinds.test.ts'],
});
