// What operators see of calls, and can prove of them: signals, reports, causes.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const observeItems: readonly Item[] = [
  fromTests({
    name: 'golden-signals',
    line:
      'How calls of each edge went, by minute, hour, day and month: calls, failures with the flags of Envoy, latencies, bytes and TLS, as ' +
      'real Envoys on both sides reported them; over restarts, replicas and floods of callers',
    bound:
      'each call counted once, in whatever period is asked for; quantiles within 2 %; 400 edges of a service at most',
    files: [
      'test/signals/recorded-signals.test.ts',
      'test/signals/sketch.test.ts',
      'test/signals/real-calls.test.ts',
      'test/observe/repeated-calls.test.ts',
      'test/admin/signals.test.ts',
    ],
    limitMinutes: 5,
  }),
];
