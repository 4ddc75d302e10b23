import { defineConfig } from 'vitest/config';

// .ci/run sums the results of several runs from these files.
const report = process.env['CELLWALL_TEST_REPORT'];
// Most of the tests with real Envoys wait rather than work, so there are more than cores. What is measured runs with fewer.
const workers = Number(process.env['CELLWALL_TEST_WORKERS'] ?? 3);
// Nine Envoys under load, and certificates that live for seconds: it runs by itself, after the others.
const alone = ['test/demo/story.test.ts'];

export default defineConfig({
  test: {
    testTimeout: 30_000,
    hookTimeout: 60_000,
    globalSetup: ['test/support/canary/run.ts'],
    setupFiles: ['test/support/seed.ts', 'test/support/canary/setup.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...alone, 'test/system/**', 'test/qualification/**', 'node_modules/**'],
          maxWorkers: workers,
          sequence: { groupOrder: 0 },
        },
      },
      { extends: true, test: { name: 'alone', include: alone, maxWorkers: 1, sequence: { groupOrder: 1 } } },
    ],
    reporters: report === undefined ? ['default'] : ['default', ['json', { outputFile: report }]],
  },
});
