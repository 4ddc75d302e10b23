// Said plainly: what works, what does not, and what a document will do.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const plainItems: readonly Item[] = [
  fromTests({
    name: 'document-warnings',
    line:
      'Documents that are valid and hardly ever meant are accepted with a warning at their line: dependencies that ' +
      'nothing allows, lifetimes, whole trust domains, ports, addresses',
    bound: 'every row warns, its neighbour does not',
    files: ['test/field/plain/warnings.test.ts'],
  }),
  fromTests({
    name: 'yaml-mistakes',
    line: 'A mistake in YAML is told once, at the line that has to be changed',
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
      'A Service that is deleted while its sidecar runs on: the log of the sidecar and `status` both say so, once, ' +
      'and say when it is back',
    bound: 'both sides, within 20 s',
    files: ['test/field/plain/deleted-service.test.ts'],
  }),
  fromTests({
    name: 'named-endpoints',
    line:
      'Endpoints that a Service names itself: twenty-one kinds of server behind real sockets, a real Envoy beside a ' +
      'plaintext server through the gate, forced, and mended; special-purpose addresses in every notation; a ' +
      'thousand endpoints',
    bound:
      'only its own proxy that requires certificates is done; every other is told with its address; 0 connections ' +
      'to special-purpose addresses; 0 probes taken for callers; at most 8 at once',
    files: ['test/field/endpoints/answers.test.ts', 'test/field/endpoints/real-envoy.test.ts'],
  }),
  fromTests({
    name: 'socket-folder',
    line: "A dependency's socket whose folder is not there, or no folder, or whose name is taken",
    bound: 'status says under NEEDS SOMEBODY what to do; mended, the socket is there within 30 s in the same process',
    files: ['test/field/plain/socket-folder.test.ts'],
  }),
];
