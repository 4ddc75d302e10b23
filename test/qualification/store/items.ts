// The store on Redis, while it is away and when it lost what it had.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const redisItems: readonly Item[] = [
  fromTests({
    name: 'outage',
    line:
      'Calls between real Envoys while Redis hangs, is killed, comes back empty and is emptied twice, and the control ' +
      'plane is restarted in between: HTTP/1.1, gRPC and TCP',
    bound: '0 failed calls; every document, lease and mark back as it was',
    files: ['test/store/outage.test.ts'],
    limitMinutes: 15,
  }),
  fromTests({
    name: 'away',
    line: 'While Redis hangs or takes no writes the store answers from its own disk, refuses changes with the reason, and catches up',
    bound: '0 entries lost; an answer at once; nothing told of a connection lost for a moment',
    files: ['test/store/redis-away.test.ts', 'test/store/redis-faults.test.ts', 'test/store/serve-away.test.ts'],
  }),
];
