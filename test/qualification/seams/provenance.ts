// Where what a proxy was sent comes from.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const provenanceItems: readonly Item[] = [
  fromTests({
    name: 'provenance',
    line:
      'what Envoy rejects, valid to us, is told with document, file and line in status, explain and log, and ' +
      'followed when the document moves; whatever a document changes, it is among those that made it; keys are ' +
      '[redacted]',
    bound: 'the exact line; equal versions whatever the line; no key in what is shown',
    files: [
      'test/serve/rejected-by-envoy.test.ts',
      'test/translate/origins.test.ts',
      'test/translate/redacted-json.test.ts',
      'test/cli/get-envoy.test.ts',
    ],
  }),
];
