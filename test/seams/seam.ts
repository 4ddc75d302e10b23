// The tests of every extension point: a new implementation is its own file, and at most two lines in others. A copy of the project gets the
// fixture's, which it never saw; its types hold, and the contract of the extension point runs against it.
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { figure } from '../support/figure.ts';
import { projectRoot } from '../support/source-files.ts';

export interface Seam {
  /** With the fixture's files, and `lines.json`: the lines in files of the project, each after which. */
  readonly fixture: string;
  /** The implementation's name, by which errors of types know it. */
  readonly name: string;
  /** Its place in the project. A file of the fixture has the same name. */
  readonly file: string;
  /** Files of the fixture that are tests, and where they go. Each says more of the implementation; one runs the contract. */
  readonly tests: Readonly<Record<string, string>>;
  /** What they need of the project, besides src and test/support; tests among it run, too. */
  readonly needs: readonly string[];
  /** Folders whose types hold, with those of the tests, with every line, and with one of them missing name the implementation. */
  readonly types: readonly string[];
  /** Fewer tests are no contract. */
  readonly leastTests: number;
}

const run = promisify(execFile);
const maxLines = 2;
/** Most of it is loading: a busy machine takes its time. */
const patienceMs = 480_000;
const linesSchema = z.array(z.strictObject({ file: z.string(), after: z.string(), line: z.string() }));
const reportSchema = z.object({
  numPassedTests: z.number(),
  numPendingTests: z.number(),
  testResults: z.array(
    z.object({
      message: z.string(),
      assertionResults: z.array(
        z.object({ fullName: z.string(), status: z.string(), failureMessages: z.array(z.string()) }),
      ),
    }),
  ),
});

export function testSeam({ fixture, name, file, tests, needs, types, leastTests }: Seam): void {
  const lines = linesSchema.parse(JSON.parse(readFileSync(join(fixture, 'lines.json'), 'utf8')));
  let copy: string;

  beforeAll(() => {
    copy = mkdtempSync(join(tmpdir(), 'cellwall-seam-'));
    const put = (from: string, to: string): void => {
      mkdirSync(dirname(join(copy, to)), { recursive: true });
      cpSync(from, join(copy, to), { recursive: true });
    };
    for (const path of ['src', 'test/support', 'package.json', 'tsconfig.json', ...needs]) {
      put(join(projectRoot, path), path);
    }
    for (const path of ['node_modules', 'gen']) symlinkSync(join(projectRoot, path), join(copy, path));
    put(join(fixture, file.slice(file.lastIndexOf('/') + 1)), file);
    for (const [from, to] of Object.entries(tests)) put(join(fixture, from), to);
    for (const { file: other, after, line } of lines) {
      const text = readFileSync(join(copy, other), 'utf8');
      if (text.split(`${after}\n`).length !== 2) throw new Error(`${other} has not one line that is: ${after}`);
      writeFileSync(
        join(copy, other),
        text.replace(`${after}\n`, () => `${after}\n${line}\n`),
      );
    }
    const config = { testTimeout: 30_000, hookTimeout: 60_000, setupFiles: ['test/support/seed.ts'] };
    writeFileSync(join(copy, 'vitest.config.ts'), `export default ${JSON.stringify({ test: config })};\n`);
  });
  afterAll(() => rmSync(copy, { recursive: true, force: true }));

  test('a new one is its own file, and at most two lines in others', () => {
    const files = (root: string) =>
      readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).map((path) => `src/${path}`);
    const before = new Set(files(projectRoot));
    expect(files(copy).filter((path) => !before.has(path))).toEqual([file]);
    expect(lines.every(({ line }) => !line.includes('\n'))).toBe(true);
    figure('linesOutsideItsFile', lines.length);
    expect(lines.length).toBeLessThanOrEqual(maxLines);
  });

  test('the contract holds, and so does all that stands on it', { timeout: patienceMs }, async () => {
    const report = join(copy, 'report.json');
    const cli = join(projectRoot, 'node_modules/vitest/vitest.mjs');
    const options = ['run', '--root', copy, '--maxWorkers=1', '--reporter=json', `--outputFile=${report}`];
    const { CELLWALL_TEST_REPORT: _, ...env } = process.env;
    // It ends with 1 where a test failed: the report says which.
    const ended = await run(process.execPath, [cli, ...options], { cwd: copy, env, timeout: patienceMs - 10_000 }).then(
      () => 0,
      ({ code }: { readonly code?: unknown }) => code,
    );
    const { numPassedTests, numPendingTests, testResults } = reportSchema.parse(
      JSON.parse(readFileSync(report, 'utf8')),
    );
    const all = testResults.flatMap(({ assertionResults }) => assertionResults);
    expect(all.filter(({ status }) => status !== 'passed')).toEqual([]);
    expect(testResults.map(({ message }) => message).filter((message) => message !== '')).toEqual([]);
    expect({ ended, numPendingTests }).toEqual({ ended: 0, numPendingTests: 0 });
    expect(numPassedTests).toBeGreaterThanOrEqual(leastTests);
    figure('testsOfTheFixture', numPassedTests);
  });

  test('types hold with every line, and with one missing they name it', { timeout: patienceMs }, async () => {
    writeFileSync(
      join(copy, 'tsconfig.seam.json'),
      JSON.stringify({ extends: './tsconfig.json', include: [...types, ...Object.values(tests)], exclude: [] }),
    );
    const tsc = join(projectRoot, 'node_modules/typescript/bin/tsc');
    const check = () =>
      run(process.execPath, [tsc, '-p', 'tsconfig.seam.json'], { cwd: copy }).then(
        () => '',
        ({ stdout }: { readonly stdout?: string }) => stdout ?? '',
      );
    expect(await check()).toBe('');
    for (const { file: other, line } of lines) {
      const text = readFileSync(join(copy, other), 'utf8');
      writeFileSync(join(copy, other), text.replace(`${line}\n`, ''));
      expect(await check()).toContain(name);
      writeFileSync(join(copy, other), text);
    }
  });
}
