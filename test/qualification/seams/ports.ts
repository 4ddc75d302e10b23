// A service with several ports.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const portsItem: Item = fromTests({
  name: 'ports',
  line: 'A service with a gRPC and a REST port, each with rules of its own: on real Envoys, with sidecars and a control plane; documents that are wrong about ports',
  bound:
    'a deny at one port touches no other; record, gate, endpoints and status are of each port; unknown, double and ambiguous names are told at their line, with a hint',
  files: ['test/policy/several-ports.test.ts', 'test/translate/two-ports.test.ts', 'test/serve/several-ports.test.ts'],
  limitMinutes: 5,
});
