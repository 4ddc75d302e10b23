// The extension point "attestor": one file, and at most two lines elsewhere. A copy of the project gets the fixture's attestor, which it
// never saw; its types hold, and the attestors' contract runs against it, with documents, identity API and issuer around it.
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { figure } from '../../support/figure.ts';
import { projectRoot } from '../../support/source-files.ts';

const run = promisify(execFile);
const fixture = join(import.meta.dirname, 'fixture');
const maxLines = 2;
const linesSchema = z.array(z.strictObject({ file: z.string(), after: z.string(), line: z.string() }));
const lines = linesSchema.parse(JSON.parse(readFileSync(join(fixture, 'lines.json'), 'utf8')));
let copy: string;

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'cellwall-seam-'));
  for (const name of ['src', 'test/support', 'test/identity/attestor-contract.ts', 'package.json', 'tsconfig.json']) {
    mkdirSync(dirname(join(copy, name)), { recursive: true });
    cpSync(join(projectRoot, name), join(copy, name), { recursive: true });
  }
  for (const name of ['node_modules', 'gen']) symlinkSync(join(projectRoot, name), join(copy, name));
  cpSync(join(fixture, 'ci-claims.ts'), join(copy, 'src/identity/attestor/ci-claims.ts'));
  cpSync(join(fixture, 'ci-claims.contract.ts'), join(copy, 'test/identity/ci-claims.test.ts'));
  for (const { file, after, line } of lines) {
    const text = readFileSync(join(copy, file), 'utf8');
    if (text.split(`${after}\n`).length !== 2) throw new Error(`${file} has not one line that is: ${after}`);
    writeFileSync(join(copy, file), text.replace(`${after}\n`, `${after}\n${line}\n`));
  }
  writeFileSync(join(copy, 'vitest.config.ts'), "export default { test: { setupFiles: ['test/support/seed.ts'] } };\n");
});
afterAll(() => rmSync(copy, { recursive: true, force: true }));

test('a new one is its own file, and at most two lines in others', () => {
  const files = (root: string) => readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).toSorted();
  expect(files(copy).filter((file) => !files(projectRoot).includes(file))).toEqual(['identity/attestor/ci-claims.ts']);
  expect(lines.every(({ line }) => !line.includes('\n'))).toBe(true);
  figure('linesOutsideItsFile', lines.length);
  expect(lines.length).toBeLessThanOrEqual(maxLines);
});

const vitestReport = z.object({
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

test('the contract holds, and so does all that stands on what it proves', { timeout: 240_000 }, async () => {
  const report = join(copy, 'report.json');
  const cli = join(projectRoot, 'node_modules/vitest/vitest.mjs');
  const options = ['run', '--root', copy, '--maxWorkers=1', '--reporter=json', `--outputFile=${report}`];
  const { CELLWALL_TEST_REPORT: _, ...env } = process.env;
  // It ends with 1 where a test failed: the report says which.
  const ended = await run(process.execPath, [cli, ...options], { cwd: copy, env, timeout: 230_000 }).then(
    () => 0,
    ({ code }: { readonly code?: unknown }) => code,
  );
  const { numPassedTests, numPendingTests, testResults } = vitestReport.parse(JSON.parse(readFileSync(report, 'utf8')));
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  expect(tests.filter(({ status }) => status !== 'passed')).toEqual([]);
  expect(testResults.map(({ message }) => message).filter((message) => message !== '')).toEqual([]);
  expect({ ended, numPendingTests }).toEqual({ ended: 0, numPendingTests: 0 });
  expect(numPassedTests).toBeGreaterThan(20);
  figure('testsOfTheFixture', numPassedTests);
});

test('types hold with both lines, and with one alone they name the other', { timeout: 240_000 }, async () => {
  const tsconfig = { extends: './tsconfig.json', include: ['src/identity/attestor', 'src/model'], exclude: [] };
  writeFileSync(join(copy, 'tsconfig.seam.json'), JSON.stringify(tsconfig));
  const check = () =>
    run(process.execPath, [join(projectRoot, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.seam.json'], {
      cwd: copy,
    }).then(
      () => '',
      ({ stdout }: { readonly stdout?: string }) => stdout ?? '',
    );
  expect(await check()).toBe('');
  for (const { file, line } of lines) {
    const text = readFileSync(join(copy, file), 'utf8');
    writeFileSync(join(copy, file), text.replace(`${line}\n`, ''));
    expect(await check()).toContain('ci-claims');
    writeFileSync(join(copy, file), text);
  }
});
