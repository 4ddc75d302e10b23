// The matching-cell rule against interleaved streams, and paths that two servers read differently.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const matchingCellItems: readonly Item[] = [
  fromTests({
    name: 'matching-cell-streams',
    line: 'headers and messages of two streams in any order, half messages, rules that change with calls in flight; another program in the place of the reader',
    bound: 'no call is decided by what another says, no raw resource puts its own words there, Envoy runs on',
    files: ['test/adversary/matching-cell/interleaved.test.ts', 'test/adversary/matching-cell/reader.test.ts'],
  }),
];
