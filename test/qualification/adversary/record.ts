// What proxies report is hostile: the record, the audit log, break-glass uses.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const adversaryRecordItems: readonly Item[] = [
  fromTests({
    name: 'forged-access-log',
    line: 'A workload without rights forges 121,000 calls, refusals and break-glass uses',
    bound: "memory within 1.2x, nobody else's record, gate or audit affected, a restart works",
    files: ['test/adversary/record/forged-log.test.ts'],
    limitMinutes: 5,
  }),
  fromTests({
    name: 'forged-request-ids',
    line: "A workload without rights sends 2,100 requests with a victim's request ids, and reports more",
    bound: 'the victim sees the explanation of its own call, for whatever id it was given',
    files: ['test/adversary/record/request-ids.test.ts', 'test/translate/refusal.test.ts'],
    limitMinutes: 2,
  }),
  fromTests({
    name: 'forged-own-answers',
    line: 'A workload without rights reports 200,000 answers of its own sidecar, on endless streams',
    bound: "memory within 1.2x, nothing delayed by a second, nobody's record, explanation or gate affected",
    files: ['test/adversary/record/own-answers.test.ts', 'test/observe/access-log-service.test.ts'],
    limitMinutes: 4,
  }),
  fromTests({
    name: 'oversized-record',
    line: 'The table of the traffic record is 300 MiB when the control plane starts',
    bound: 'at most 120 MiB more memory; its newest part and everything of others is kept; afterwards the table fits',
    files: ['test/adversary/record/oversized-table.test.ts', 'test/observe/traffic-keeper.test.ts'],
    limitMinutes: 4,
  }),
  fromTests({
    name: 'audit-log-rewritten',
    line: 'The audit log is rewritten, truncated, or 600 MB long',
    bound: 'every forgery detected after restarts; it opens within 2 s; the event loop never blocks for over 0.5 s',
    files: ['test/adversary/record/audit-rewritten.test.ts', 'test/audit/audit-log.test.ts'],
    limitMinutes: 4,
  }),
];
