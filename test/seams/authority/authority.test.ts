// The extension point "CA backend", with the signer, the command line and a whole control plane around a new one.
import { join } from 'node:path';
import { testSeam } from '../seam.ts';

testSeam({
  fixture: join(import.meta.dirname, 'fixture'),
  name: 'paper',
  file: 'src/identity/ca/paper.ts',
  tests: { 'paper.contract.ts': 'test/identity/paper.test.ts' },
  needs: ['test/identity/authority-contract.ts'],
  types: ['src/identity', 'test/identity/paper.test.ts'],
  leastTests: 12,
});
