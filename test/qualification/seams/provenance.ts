// Where what a proxy was sent comes from.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const provenanceItems: readonly Item[] = [
  fromTests({
    name: 'provenance',
    line:
      'what Envoy rejects although we consider it valid is reported with document, file and line in status, explain ' +
      'and log, even after the document moves; whatever a document changes, it is among those that made it; keys ' +
      'are [redacted]',
    bound: 'the exact line; equal versions wherever the line is; no key in what is shown',
    files: [
      'test/serve/rejected-by-envoy.test.ts',
      'test/translate/origins.test.ts',
      'test/translate/redacted-json.test.ts',
      'test/cli/get-envoy.test.ts',
    ],
  }),
];
