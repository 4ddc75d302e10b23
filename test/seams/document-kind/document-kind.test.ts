// The extension point "kind of document", with parsing, resolution, a store and the documents' page around a new one.
import { join } from 'node:path';
import { testSeam } from '../seam.ts';

testSeam({
  fixture: join(import.meta.dirname, 'fixture'),
  name: 'Quota',
  file: 'src/model/documents/quota.ts',
  tests: { 'quota.contract.ts': 'test/model/quota.test.ts' },
  needs: ['test/model/kind-contract.ts', 'scripts'],
  types: ['src/model', 'src/policy', 'src/cli', 'scripts'],
  leastTests: 14,
});
