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
      'Nobody reads stderr: a pipe or socket that is full, or whose reader is gone, does not stop serve, and does ' +
      'not keep a sidecar that cannot start from exiting',
    bound: 'answers within 1 s, exits within 5 s; a burst is summarised',
    files: ['test/field/process/nobody-reads.test.ts'],
  }),
  fromTests({
    name: 'nobody-reads-sidecar',
    line:
      'Nobody reads the output of a sidecar and its Envoy while Envoy logs several lines for every call: full pipe, ' +
      'unread socket, reader gone',
    bound:
      '0 failed calls over three certificates, exits within its drain and 4 s, dropped lines are reported; an Envoy ' +
      'by itself stalls',
    files: ['test/field/process/nobody-reads-sidecar.test.ts', 'test/lib/log-sink.test.ts'],
  }),
  fromTests({
    name: 'confined',
    line:
      'A random uid without an entry, no HOME, a read-only file system except for --data, a stderr owned by ' +
      'somebody else: serve, sidecars and every command',
    bound:
      'all work with --data, until the end; without it, an error and a hint; nothing written elsewhere, nobody ' +
      "else's program run",
    files: ['test/field/process/confined.test.ts'],
  }),
  fromTests({
    name: 'stop-together',
    line:
      'Sidecar and application are stopped at the same time: outbound calls work to the end of the drain, or until ' +
      'the port of the application is closed',
    bound: '0 failed',
    files: ['test/field/process/stop-together.test.ts', 'test/sidecar/look-at-application.test.ts'],
  }),
  fromTests({
    name: 'address-families',
    line:
      'The control plane on ::1 or under a name with both families, an application on ::1 only, a client whose ' +
      'localhost is ::1',
    bound: 'every call works, on both loopback addresses',
    files: ['test/field/process/families.test.ts'],
  }),
  fromTests({
    name: 'dead-application',
    line:
      'An application that is down, or open beyond loopback, while its proxy is up: reported, removed from the ' +
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
      'Calls that nobody denied and that got no complete answer: resets, timeouts, callers that leave, an ' +
      'application that is gone, HTTP and TCP',
    bound: '0 of them counted as allowed, 0 answered ones as failed',
    files: ['test/field/process/failed-calls.test.ts', 'test/observe/access-log.test.ts'],
  }),
  fromTests({
    name: 'protocol-change',
    line: 'A change of the protocol of a Service in force causes a warning at its line, by diff, dry run and apply',
    bound: 'by all three, and for no other change',
    files: ['test/field/plain/protocol-change.test.ts'],
  }),
  fromTests({
    name: 'descriptors',
    line: 'ulimit -n 256: reported at the start, connections beyond it refused and reported, the rest works',
    bound: '52 connections stay open, calls work before and after',
    files: ['test/field/process/descriptors.test.ts'],
  }),
  fromTests({
    name: 'never-a-stack',
    line:
      'Every command in unusual circumstances (wrong ENVOY_BIN, no HOME, closed and full outputs, a bug of our ' +
      'own): an error and a hint, no stack trace',
    bound: '0 stacks, nothing kept in the current folder',
    files: ['test/field/plain/never-a-stack.test.ts'],
  }),
];
