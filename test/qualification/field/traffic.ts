// HTTP as real clients and applications speak it.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const trafficItems: readonly Item[] = [
  fromTests({
    name: 'header-names',
    line: 'Headers with underscores arrive, in HTTP/1.1 and gRPC, through both sidecars and in plaintext; no spelling of a header of identity does',
    bound: '300 random spellings of 19 headers from either side: none arrives, all others do',
    files: ['test/field/traffic/header-names.test.ts', 'test/field/traffic/trusted-hops.test.ts'],
  }),
];
