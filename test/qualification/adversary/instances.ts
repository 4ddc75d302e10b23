// Replicas of one service, stolen keys, and who may be thrown out.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const instanceItems: readonly Item[] = [
  fromTests({
    name: 'instances',
    line: "A sibling under another's name, a copied folder, a workload that renews 4,000 times, hosts that were evicted or whose Service was deleted",
    bound:
      'every attempt refused, also after a restart; at most 8 proxies of a host and 64 rows; the victim and its siblings untouched',
    files: ['test/adversary/instances/instances.test.ts'],
  }),
];
