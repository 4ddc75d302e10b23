// Who calls, and how: old clients, certificates, names and addresses, Gitaly's sidechannel.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const callersItems: readonly Item[] = [
  fromTests({
    name: 'handshakes',
    line:
      'old callers reach a permissive service with TLS 1.2 and 1.3; every failed handshake is reported with ' +
      'address, reason and time, and counts for the gate',
    bound: 'every kind of caller as documented; each failure reported within 15 s',
    files: ['test/field/callers/handshakes.test.ts', 'test/observe/handshakes.test.ts'],
  }),
  fromTests({
    name: 'sidechannel',
    line:
      "tcp carries Gitaly's gRPC and its sidechannel on one port; on the port of an HTTP service anything that is " +
      'not HTTP is closed at once, and reported',
    bound: '0 failed of 40 at once; closed within 0.9 s',
    files: ['test/field/callers/sidechannel.test.ts'],
  }),
  fromTests({
    name: 'application-tls',
    line: 'an application that speaks TLS behind its sidecar is reported at its start; others are not',
    bound: 'HTTPS reported in every form, nothing else',
    files: ['test/field/callers/application-tls.test.ts'],
  }),
];
