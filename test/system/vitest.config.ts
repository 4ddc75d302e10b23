// Tests that need more than npm and PyPI: what test/system/install.sh installs. Run by `npm run test:system`.
import { defineConfig } from 'vitest/config';

const report = process.env['CELLWALL_TEST_REPORT'];
/** What they are about is built for minutes, once a machine (test/support/built-by-go.ts); CI has the same against stand-ins. */
const ofQualifications = ['test/system/step-ca.test.ts', 'test/system/token-review.test.ts'];

export default defineConfig({
  test: {
    include: ['test/system/**/*.test.ts'],
    exclude: process.env['CELLWALL_QUALIFY'] === '1' ? [] : ofQualifications,
    globalSetup: ['test/support/canary/run.ts'],
    setupFiles: ['test/support/canary/setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    fileParallelism: false,
    reporters: report === undefined ? ['default'] : ['default', ['json', { outputFile: report }]],
  },
});
