// The record of traffic when callers send odd bytes.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const recordItems: readonly Item[] = [
  fromTests({
    name: 'odd-bytes-in-the-log',
    line: 'One caller sends bytes that are not UTF-8: nobody else is missing in the record',
    bound: '0 calls of others missing, 0 gaps, break-glass uses in the audit log',
    files: ['test/field/record/odd-bytes.test.ts', 'test/observe/lenient-message.test.ts'],
    limitMinutes: 3,
  }),
];
