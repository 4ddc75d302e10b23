// Where the trust bundle is published, and the extension point "publisher".
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const publisherItems: readonly Item[] = [
  fromTests({
    name: 'publisher',
    line:
      'A throw-away publisher is added; every publisher keeps the bundle in force at its place, whatever others do ' +
      'there',
    bound:
      'two lines outside its file at most; the contract holds; drift is reported and corrected within 66 s; a full, ' +
      'read-only, hostile or hanging place is reported and delays nobody',
    files: [
      'test/seams/publisher/publisher.test.ts',
      'test/identity/publishers.test.ts',
      'test/identity/directory-publisher.test.ts',
      'test/identity/keep-published.test.ts',
      'test/serve/publishers.test.ts',
    ],
    limitMinutes: 5,
  }),
  fromTests({
    name: 'published-bundle',
    line: 'What is published can be read by go-spiffe (JSON) and openssl (PEM), which verify the control plane with it',
    bound:
      'both verify it, with one root and with several, for every kind of key; neither does with the roots of others',
    files: ['test/system/trust-bundle.test.ts'],
    limitMinutes: 5,
  }),
];
