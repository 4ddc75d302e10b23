// Control planes that have nothing but the store and the bootstrap secret.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const bootstrap: Item = fromTests({
  name: 'bootstrap',
  line:
    'Control planes with nothing but Redis and the bootstrap secret, real processes under HTTP/1.1, HTTP/2, gRPC and TCP between real ' +
    'Envoys: two at once on an empty Redis, each data folder thrown away in turn, another secret; then lost, damaged and older entries',
  bound:
    'one root and one intermediate; another secret refused; never a new root in place of a lost one; 0 failed calls',
  files: [
    'test/sidecar/fresh-replica.test.ts',
    'test/serve/bootstrap-secret.test.ts',
    'test/identity/ca-vault.test.ts',
    'test/identity/shared-intermediates.test.ts',
  ],
});
