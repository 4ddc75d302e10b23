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
    name: 'forged-request-ids',
    line: "A workload without rights sends 2,100 requests with a victim's request ids, and reports more",
    bound: "the victim's explanation is the victim's, of whatever it was told",
    files: ['test/adversary/record/request-ids.test.ts', 'test/translate/refusal.test.ts'],
    limitMinutes: 2,
  }),
  fromTests({
    name: 'forged-own-answers',
    line: 'A workload without rights reports 200,000 answers of its own sidecar, on streams without end',
    bound: "memory within 1.2x, nothing late by a second, nobody's record, explanation or gate touched",
    files: ['test/adversary/record/own-answers.test.ts', 'test/observe/access-log-service.test.ts'],
    limitMinutes: 4,
  }),
  fromTests({
    name: 'oversized-record',
    line: 'The table of the traffic record is 300 MiB when the control plane starts',
    bound: 'at most 120 MiB more memory; the newest of it and all of others are there; the table fits after',
    files: ['test/adversary/record/oversized-table.test.ts', 'test/observe/traffic-keeper.test.ts'],
    limitMinutes: 4,
  }),
  fromTests({
    name: 'audit-log-rewritten',
    line: 'The audit log is rewritten, cut off, or 600 MB long',
    bound: 'every forgery seen after restarts; it opens within 2 s; no turn over 0.5 s',
    files: ['test/adversary/record/audit-rewritten.test.ts', 'test/audit/audit-log.test.ts'],
    limitMinutes: 4,
  }),
];
