// Proxies with several control planes, and one of those that fails.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const failover: Item = fromTests({
  name: 'failover',
  line:
    'Two control planes on one Redis: one is killed, one hangs, both are restarted one after the other, with HTTP/1.1, HTTP/2, gRPC and ' +
    'TCP between real Envoys; and one that is an impostor',
  bound: '0 failed calls; every stream at the other one within 5 s; the impostor skipped',
  files: ['test/sidecar/replica-failover.test.ts', 'test/sidecar/several-servers.test.ts'],
});
