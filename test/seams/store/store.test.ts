// The extension point "store", with the command line and a whole control plane around a new one.
import { join } from 'node:path';
import { testSeam } from '../seam.ts';

testSeam({
  fixture: join(import.meta.dirname, 'fixture'),
  name: 'snapshot',
  file: 'src/store/kinds/snapshot.ts',
  tests: { 'snapshot.contract.ts': 'test/store/snapshot.test.ts' },
  needs: ['test/store/contract.ts'],
  types: ['src/store', 'src/serve', 'src/cli'],
  leastTests: 25,
});
