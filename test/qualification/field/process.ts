// The processes: how they stop, what they write to, where they keep things, what they say when they cannot start.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const processItems: readonly Item[] = [
  fromTests({
    name: 'big-apply',
    line:
      '3,000 policies over 100 services in one file of 3 MiB, and 1,500 of 20 paths each on one service, applied by ' +
      'the command to a directory and to Redis',
    bound:
      'applied, applied again, one more, refused at its line, rolled back, each by an ordinary call of the command',
    files: ['test/field/process/big-apply.test.ts', 'test/admin/unanswered.test.ts', 'test/model/own-file.test.ts'],
  }),
  fromTests({
    name: 'nobody-reads',
    line:
      'Nobody reads stderr: a pipe or socket that is full, or whose reader is gone, does not stop serve, nor keep a ' +
      'sidecar that cannot start',
    bound: 'answers within 1 s, ends within 5 s; a burst is summed',
    files: ['test/field/process/nobody-reads.test.ts'],
  }),
  fromTests({
    name: 'nobody-reads-sidecar',
    line:
      'Nobody reads what a sidecar and its Envoy say while Envoy says several lines for every call: full pipe, ' +
      'unread socket, reader gone',
    bound:
      '0 failed calls over three certificates, ends within its drain and 4 s, dropped lines are told; an Envoy by itself stands still',
    files: ['test/field/process/nobody-reads-sidecar.test.ts', 'test/lib/log-sink.test.ts'],
  }),
  fromTests({
    name: 'confined',
    line:
      'A random uid without an entry, no HOME, a read-only file system but for --data, a stderr of somebody else: ' +
      'serve, sidecars and every command',
    bound:
      'all work with --data, to the end; without, a line and a hint; nothing written elsewhere, no program of others run',
    files: ['test/field/process/confined.test.ts'],
  }),
  fromTests({
    name: 'stop-together',
    line:
      'Sidecar and application are told to stop at once: outbound calls work to the end of the drain, or until the ' +
      'port of the application is closed',
    bound: '0 failed',
    files: ['test/field/process/stop-together.test.ts', 'test/sidecar/look-at-application.test.ts'],
  }),
  fromTests({
    name: 'address-families',
    line: 'The control plane on ::1 or by a name of both families, an application on ::1 alone, a client whose localhost is ::1',
    bound: 'every call works, on both loopback addresses',
    files: ['test/field/process/families.test.ts'],
  }),
  fromTests({
    name: 'dead-application',
    line:
      'An application that is down, or open beyond loopback, beside a proxy that is up: told, taken out of the ' +
      'endpoints of callers, and back',
    bound: '0 failed of all calls while one of two is down',
    files: ['test/field/process/dead-application.test.ts', 'test/registry/application-health.test.ts'],
  }),
  fromTests({
    name: 'unix-application',
    line: "An application on a Unix socket (GitLab's Puma by default): HTTP/1.1, HTTP/2, gRPC and TCP, policies before it, down and back",
    bound: '0 failed of all calls; hostile paths refused',
    files: ['test/field/process/unix-application.test.ts', 'test/lib/socket-path.test.ts'],
  }),
  fromTests({
    name: 'failed-calls',
    line:
      'Calls that nobody refused and that got no whole answer: resets, timeouts, callers that leave, an application ' +
      'that is gone, HTTP and TCP',
    bound: '0 of them counted as allowed, 0 answered ones as failed',
    files: ['test/field/process/failed-calls.test.ts', 'test/observe/access-log.test.ts'],
  }),
  fromTests({
    name: 'protocol-change',
    line: 'A change of the protocol of a Service in force is warned of at its line, by diff, dry run and apply',
    bound: 'by all three, and of no other change',
    files: ['test/field/plain/protocol-change.test.ts'],
  }),
  fromTests({
    name: 'descriptors',
    line: 'ulimit -n 256: said at the start, connections beyond it refused and told, the rest works',
    bound: '52 connections stand, calls work before and after',
    files: ['test/field/process/descriptors.test.ts'],
  }),
  fromTests({
    name: 'never-a-stack',
    line:
      'Every command in odd circumstances (wrong ENVOY_BIN, no HOME, closed and full outputs, a fault of our own): ' +
      'a line and a hint, no stack',
    bound: '0 stacks, nothing kept in the current folder',
    files: ['test/field/plain/never-a-stack.test.ts'],
  }),
];
