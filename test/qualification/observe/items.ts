// What operators see of calls, and can prove of them: signals, reports, causes.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';
import { demoReport } from './demo-report.ts';
import { failingCallsItem } from './failing-calls.ts';
import { pageItems } from './page.ts';

export const observeItems: readonly Item[] = [
  fromTests({
    name: 'golden-signals',
    line:
      'How calls of each edge went, by minute, hour, day and month: calls, failures with the flags of Envoy, latencies, ' +
      'bytes and TLS, as real Envoys on both sides reported them; over restarts, replicas and floods of callers',
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
  fromTests({
    name: 'plaintext-call',
    line: 'One call in plaintext among 100,000 by mTLS, through real Envoys, and the report of the last hour before and after it',
    bound: 'not in the report before; after it with address, service and time, in every form; never rounded away',
    files: ['test/report/plaintext-call.test.ts', 'test/report/mtls-report.test.ts'],
    limitMinutes: 6,
  }),
  fromTests({
    name: 'report-verifies',
    line:
      'The report of mTLS coverage as JSON, CSV, HTML and PDF, verified without a control plane, by the command and by the Python of ' +
      'docs/mtls-report.md; and forged: any character of it, its signer, its CA, its time, its header, what it shows',
    bound: 'each form verifies; no forged one does',
    files: ['test/report/report-file.test.ts'],
    limitMinutes: 4,
  }),
  demoReport,
  fromTests({
    name: 'application',
    line:
      'Real applications behind real sidecars: on 127.0.0.1, on ::1 alone, on every address, dead, slow, started after the sidecar, ' +
      'coming and going; also behind an Envoy without a helper; a replica with a dead one beside another, and the only one; a thousand ' +
      'of them probed',
    bound:
      "each state in the sidecar's log, with what to do, and in `status`, within seconds; a replica with a dead application takes no " +
      'calls within seconds, and takes them again within a minute; the only one is never left out; without that its share of all ' +
      'calls fails; ' +
      'less than a hundredth of a core and 32 sockets for a thousand',
    files: [
      'test/field/process/application-states.test.ts',
      'test/field/process/ejected-replica.test.ts',
      'test/field/process/dead-application.test.ts',
      'test/cutover/application-watch.test.ts',
      'test/cutover/application-watch-cost.test.ts',
      'test/sidecar/look-at-application.test.ts',
      'test/registry/application-health.test.ts',
      'test/cli/status-form.test.ts',
    ],
    limitMinutes: 10,
  }),
  fromTests({
    name: 'intake',
    line:
      'Access logs of 200 proxies, 20,000 entries a second, beside 200 streams of configuration, edits and questions of an operator; ' +
      'and 200,000 a second, from all proxies and from one',
    bound:
      'every entry that a proxy did not have to drop counted, at 20,000 a second all of them, and a time with dropped ones unknown; ' +
      'a push within 50 ms (p99), every answer of the admin API within a second',
    files: ['test/signals/intake.test.ts', 'test/observe/intake.test.ts'],
    limitMinutes: 5,
  }),
  failingCallsItem,
  ...pageItems,
];
