// Tests that need more than npm and PyPI: what test/system/install.sh installs. Run by `npm run test:system`.
import { defineConfig } from 'vitest/config';

const report = process.env['CELLWALL_TEST_REPORT'];

export default defineConfig({
  test: {
    include: ['test/system/**/*.test.ts'],
    globalSetup: ['test/support/canary/run.ts'],
    setupFiles: ['test/support/canary/setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    fileParallelism: false,
    reporters: report === undefined ? ['default'] : ['default', ['json', { outputFile: report }]],
  },
});
