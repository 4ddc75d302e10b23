// A cell with a control plane of its own, and no cable to its parent.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const cutOffCell: Item = fromTests({
  name: 'cut-off-cell',
  line:
    'A cell with a control plane of its own, cut off for three SVID lifetimes, rotates certificates, takes restarted sidecars and ' +
    'local changes, and converges: HTTP/1.1, gRPC and TCP between real Envoys',
  bound: '0 failed calls; converged within 5 s of the return of the cable',
  files: ['test/follower/cut-off.test.ts', 'test/follower/follower.test.ts'],
});
