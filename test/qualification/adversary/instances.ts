// Replicas of one service, stolen keys, and who may be thrown out.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const instanceItems: readonly Item[] = [
  fromTests({
    name: 'instances',
    line:
      "A sibling under another's name, a copied folder, a workload that renews 4,000 times, hosts that were evicted " +
      'or whose Service was deleted',
    bound:
      'every attempt refused, even after a restart; at most 8 proxies per host and 64 rows; the victim and its ' +
      'siblings unaffected',
    files: ['test/adversary/instances/instances.test.ts', 'test/adversary/instances/paced.test.ts'],
  }),
  fromTests({
    name: 'held-cut-over',
    line:
      'A declared caller that rejects, does not answer, disappears, comes and goes, or takes other names, in any ' +
      'order, to keep a service from becoming strict',
    bound:
      'it blocks for ten minutes a day; then it is a warning, in the audit log; other callers and other reasons ' +
      'block as before',
    files: ['test/adversary/instances/held-cut-over.test.ts', 'test/adversary/instances/rejecting-caller.test.ts'],
  }),
  fromTests({
    name: 'evict-races',
    line: 'A host asks for certificates while it is being evicted or its Service deleted',
    bound: '0 certificates after an eviction; its key is unknown',
    files: ['test/adversary/instances/evict-races.test.ts'],
    limitMinutes: 2,
  }),
  fromTests({
    name: 'held-by-strangers',
    line:
      'A peer without a certificate calls in plaintext and fails in handshakes for days, from one address and many, ' +
      'to keep a service from becoming strict',
    bound:
      'it is held until the operator names the addresses, and after that by no reason from them; old callers ' +
      'elsewhere, legacy certificates and gaps hold it as before',
    files: ['test/adversary/instances/held-by-strangers.test.ts'],
    limitMinutes: 2,
  }),
];
