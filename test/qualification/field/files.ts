// Files that somebody writes while they are read.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const filesItems: readonly Item[] = [
  fromTests({
    name: 'half-written-files',
    line:
      'Nothing half-written is in force: random writers against `decide`; a shell that writes late, pieces, cp, git ' +
      'checkout, a replaced folder, git-sync and ConfigMap swaps under two real Envoys',
    bound:
      '0 calls allowed that old and new files both deny, 0 denied that both allow; a removal not before the settle ' +
      'time',
    files: [
      'test/field/files/random-writers.test.ts',
      'test/field/files/last-good.test.ts',
      'test/field/files/no-notices.test.ts',
      'test/field/files/real-envoy.test.ts',
    ],
  }),
  fromTests({
    name: 'edits-in-time',
    line:
      'A directory of 400 policy files of one service: a new denial by a rename and in place, and a changed one, ' +
      'from the write to the first call that Envoy refuses, ten times each, when Envoy has got rid of what the last ' +
      'edit cut, and one right after the other',
    bound: 'every one in force within 1 s',
    files: ['test/field/files/edits-in-time.test.ts'],
  }),
];
