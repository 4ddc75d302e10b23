// The extension point "attestor", with documents, identity API and issuer around a new one.
import { join } from 'node:path';
import { testSeam } from '../seam.ts';

testSeam({
  fixture: join(import.meta.dirname, 'fixture'),
  name: 'ci-claims',
  file: 'src/identity/attestor/ci-claims.ts',
  tests: { 'ci-claims.contract.ts': 'test/identity/ci-claims.test.ts' },
  needs: ['test/identity/attestor-contract.ts'],
  types: ['src/identity/attestor', 'src/model'],
  leastTests: 21,
});
