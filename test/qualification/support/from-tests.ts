// An item whose judge is a set of test files: they run in their long form and report figures of their own (test/support/figure.ts).
// It holds when at least one test ran, none failed and none was skipped.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Item, Outcome } from '../item.ts';
import { run, tail } from './command.ts';

export interface TestItem {
  readonly name: string;
  readonly line: string;
  readonly bound: string;
  /** Test files, relative to the project's root. */
  readonly files: readonly string[];
  /** Default: ten. */
  readonly limitMinutes?: number;
  /** Only the tests whose full name matches this regular expression (vitest's `-t`). */
  readonly only?: string;
}

const report = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  numPendingTests: z.number(),
  numTodoTests: z.number(),
});
const figureLine = z.tuple([z.string(), z.union([z.number(), z.string(), z.boolean()])]);

export function fromTests({ name, line, bound, files, limitMinutes = 10, only }: TestItem): Item {
  return {
    name,
    line,
    bound,
    async run({ root, work, progress }): Promise<Outcome> {
      const reportFile = join(work, 'report.json');
      const figuresFile = join(work, 'figures.jsonl');
      const config = files.some((file) => file.startsWith('test/system/'))
        ? ['--config', 'test/system/vitest.config.ts']
        : [];
      const filter = only === undefined ? [] : ['-t', only];
      const ended = await run('npx', ['vitest', 'run', ...config, ...files, ...filter], {
        cwd: root,
        env: {
          ...process.env,
          CELLWALL_QUALIFY: '1',
          CELLWALL_TEST_WORKERS: '1',
          CELLWALL_FIGURES: figuresFile,
          CELLWALL_TEST_REPORT: reportFile,
          CELLWALL_SEED: process.env['CELLWALL_SEED'] ?? 'random',
        },
        timeoutMs: limitMinutes * 60_000,
      });
      if (!existsSync(reportFile)) {
        const why = ended.code === -1 ? `did not end in ${limitMinutes} minutes` : tail(ended.stderr || ended.stdout);
        return { ok: false, figures: { error: why } };
      }
      const counts = report.parse(JSON.parse(readFileSync(reportFile, 'utf8')));
      if (ended.code !== 0) progress(tail(`${ended.stdout}\n${ended.stderr}`, 60));
      // `-t` counts what it leaves out as pending.
      const skipped = only === undefined ? counts.numPendingTests + counts.numTodoTests : 0;
      return {
        ok: ended.code === 0 && counts.numPassedTests > 0 && counts.numFailedTests === 0 && skipped === 0,
        figures: { tests: counts.numPassedTests, failedTests: counts.numFailedTests, ...readFigures(figuresFile) },
      };
    },
  };
}

function readFigures(file: string): Record<string, number | string | boolean> {
  if (!existsSync(file)) return {};
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  return Object.fromEntries(lines.map((line) => figureLine.parse(JSON.parse(line))));
}
