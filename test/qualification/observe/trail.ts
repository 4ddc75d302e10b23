// The audit log as evidence: whatever is done to it, or to a copy of it, is found.
import { fromTests } from '../support/from-tests.ts';

export const trailItem = fromTests({
  name: 'trail',
  line:
    'The audit log of a real control plane, and copies of it: a byte changed, lines taken out, moved, repeated or put in, the end cut ' +
    'off, all of it made anew with every hash right; verified by the command with the roots and a checkpoint that was kept elsewhere; ' +
    'copies in a file, a Redis stream, OpenTelemetry logs and a webhook, over outages; what every route, and every kind of event, leaves',
  bound:
    'everything found, with its file and line; nothing where nothing was done; no sink misses a record; no change without who made it ' +
    'and why',
  files: [
    'test/serve/trail.test.ts',
    'test/serve/trail-redis.test.ts',
    'test/audit/verify-trail.test.ts',
    'test/audit/checkpoints.test.ts',
    'test/audit/check-log.test.ts',
    'test/audit/event-set.test.ts',
    'test/admin/evidence.test.ts',
    'test/audit/follow-files.test.ts',
    'test/sinks/sinks.test.ts',
    'test/sinks/deliver.test.ts',
    'test/serve/record-identities.test.ts',
    'test/serve/record-refused.test.ts',
  ],
  limitMinutes: 20,
});
