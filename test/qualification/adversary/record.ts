// What proxies report is hostile: the record, the audit log, break-glass uses.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const adversaryRecordItems: readonly Item[] = [
  fromTests({
    name: 'forged-access-log',
    line: 'A workload without rights forges 121,000 calls, refusals and break-glass uses',
    bound: "memory within 1.2x, nobody else's record, gate or audit touched, a restart works",
    files: ['test/adversary/record/forged-log.test.ts'],
    limitMinutes: 5,
  }),
  fromTests({
    name: 'audit-log-rewritten',
    line: 'The audit log is rewritten, cut off, or 600 MB long',
    bound: 'every forgery seen after restarts; it opens within 2 s; no turn over 0.5 s',
    files: ['test/adversary/record/audit-rewritten.test.ts', 'test/audit/audit-log.test.ts'],
    limitMinutes: 4,
  }),
];
