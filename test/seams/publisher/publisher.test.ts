// The extension point "publisher", with serve and its status around a new one.
import { join } from 'node:path';
import { testSeam } from '../seam.ts';

testSeam({
  fixture: join(import.meta.dirname, 'fixture'),
  name: 'http-put',
  file: 'src/identity/publisher/http-put.ts',
  tests: { 'http-put.contract.ts': 'test/identity/http-put.test.ts' },
  needs: ['test/identity/publisher-contract.ts'],
  types: ['src/identity/publisher'],
  leastTests: 11,
});
