// Said plainly: what works, what does not, and what a document will do.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const plainItems: readonly Item[] = [
  fromTests({
    name: 'document-warnings',
    line:
      'Documents that are valid but hardly ever intended are accepted with a warning at their line: dependencies ' +
      'that nothing allows, lifetimes, whole trust domains, ports, addresses',
    bound: 'every row warns, its neighbour does not',
    files: ['test/field/plain/warnings.test.ts'],
  }),
  fromTests({
    name: 'yaml-mistakes',
    line: 'A mistake in YAML is reported once, at the line that has to be changed',
    bound: 'every row at its line and column',
    files: ['test/field/plain/mistakes.test.ts'],
  }),
  fromTests({
    name: 'remedies',
    line: 'What `explain` proposes can be applied and allows the call; TCP services are asked about connections',
    bound: '20,000 random calls, 0 remedies that are refused or do not help',
    files: ['test/field/plain/remedies.test.ts'],
  }),
  fromTests({
    name: 'deleted-service',
    line:
      'A Service that is deleted while its sidecar keeps running: the log of the sidecar and `status` both report ' +
      'it, once, and again when it is back',
    bound: 'both sides, within 20 s',
    files: ['test/field/plain/deleted-service.test.ts'],
  }),
  fromTests({
    name: 'named-endpoints',
    line:
      'Endpoints that a Service names itself: twenty-one kinds of server behind real sockets, a real Envoy next to ' +
      'a plaintext server through the gate, forced, and corrected; special-purpose addresses in every notation; a ' +
      'thousand endpoints',
    bound:
      'only its own proxy that requires certificates passes; every other is reported with its address; 0 ' +
      'connections to special-purpose addresses; 0 probes mistaken for callers; at most 8 at once',
    files: ['test/field/endpoints/answers.test.ts', 'test/field/endpoints/real-envoy.test.ts'],
  }),
  fromTests({
    name: 'socket-folder',
    line: "A dependency's socket whose folder does not exist, or is not a folder, or whose name is taken",
    bound:
      'status says under NEEDS SOMEBODY what to do; once corrected, the socket is there within 30 s in the same ' +
      'process',
    files: ['test/field/plain/socket-folder.test.ts'],
  }),
];
