// Runs that leak on purpose, as the project's own runs are looked at.
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

const root = join(import.meta.dirname, '../../../..');
const report = process.env['CELLWALL_TEST_REPORT'] ?? '';

export default defineConfig({
  test: {
    root,
    include: ['test/adversary/canary/planted/*-*.ts'],
    globalSetup: ['test/support/canary/run.ts'],
    setupFiles: ['test/support/canary/setup.ts'],
    reporters: ['default', ['json', { outputFile: report }]],
  },
});
