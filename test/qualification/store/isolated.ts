// A control plane that alone has lost the store.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const isolated: Item = fromTests({
  name: 'isolated',
  line:
    'One of two control planes is cut off from Redis, and the other is not: real Envoys with HTTP/1.1, HTTP/2, gRPC and TCP load keep ' +
    'their streams, one that starts begins at the other, and all is one again afterwards',
  bound: 'not ready, with the reason; no new stream there; 0 failed calls; back by itself',
  files: ['test/serve/isolated-replica.test.ts', 'test/registry/isolation.test.ts'],
});
