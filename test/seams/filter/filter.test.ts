// The extension point "Envoy filter", with a real Envoy, the linter, the goldens and the record around a new one.
import { join } from 'node:path';
import { testSeam } from '../seam.ts';

testSeam({
  fixture: join(import.meta.dirname, 'fixture'),
  name: 'quota',
  file: 'src/translate/filters/quota.ts',
  tests: { 'quota.contract.ts': 'test/translate/quota.test.ts' },
  needs: [
    'test/translate/filter-contract.ts',
    // Nobody else's translation changes.
    'test/translate/golden.test.ts',
    ...['test/translate/golden', 'test/translate/scenarios.ts', 'test/translate/mesh-text.ts'],
  ],
  types: ['src/translate'],
  leastTests: 30,
});
