// `npm run bench` says what there is, and what is wrong, before anything is measured.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

function bench(...args: readonly string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const main = join(import.meta.dirname, '../../bench/main.ts');
  return new Promise((resolve) =>
    execFile(process.execPath, [main, ...args], (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : error.code, stdout, stderr }),
    ),
  );
}

describe('npm run bench', () => {
  it('lists the benches and their inputs', async () => {
    const { code, stdout } = await bench('--help');
    expect(code).toBe(0);
    for (const name of ['xds', 'growth-services', 'joins', 'data-path']) expect(stdout).toContain(`\n  ${name}: `);
    expect(stdout).toMatch(/--streams \d+ \(--short: \d+\)/);
  });

  it.each([
    [['nope'], 'there is no bench "nope", only xds,'],
    [['xds', '--modes'], "Unknown option '--modes'"],
    [['xds', '--only', 'nope'], '--only takes delta, sotw,'],
  ])('%j: says what is wrong', async (args, words) => {
    const { code, stdout, stderr } = await bench(...args);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain(words);
    expect(stderr).not.toContain('    at ');
  });
});
