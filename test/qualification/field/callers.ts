// Who calls, and how: old clients, certificates, names and addresses, Gitaly's sidechannel.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const callersItems: readonly Item[] = [
  fromTests({
    name: 'handshakes',
    line:
      'old callers pass a permissive service with TLS 1.2 and 1.3; every handshake that fails is told with address, ' +
      'reason and time, and counts for the gate',
    bound: 'every kind of caller as the docs say; each failure told within 15 s',
    files: ['test/field/callers/handshakes.test.ts', 'test/observe/handshakes.test.ts'],
  }),
  fromTests({
    name: 'sidechannel',
    line:
      "tcp carries Gitaly's gRPC and its sidechannel on one port; on the port of an HTTP service what is no HTTP " +
      'ends at once, and is told',
    bound: '0 failed of 40 at once; closed within 0.9 s',
    files: ['test/field/callers/sidechannel.test.ts'],
  }),
  fromTests({
    name: 'application-tls',
    line: 'an application that speaks TLS behind its sidecar is told at its start; others are not',
    bound: 'told of HTTPS in every form, silent of what is none',
    files: ['test/field/callers/application-tls.test.ts'],
  }),
];
