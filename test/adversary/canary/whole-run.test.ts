// What looks for keys and tokens in all that a run of the tests says (test/support/canary/): it finds one in every kind of output, fails
// the run for it, and says where without saying it. The runs here leak on purpose.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { type Ended, run } from '../../qualification/support/command.ts';
import { projectRoot } from '../../support/source-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'cellwall-planted-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const verdictShape = z.object({ secrets: z.number(), found: z.array(z.string()), failed: z.boolean() });

async function leak(file: string): Promise<{ ended: Ended; verdict: z.infer<typeof verdictShape> }> {
  const ended = await run(
    process.execPath,
    [
      ...[join(projectRoot, 'node_modules/vitest/vitest.mjs'), 'run', `${file}.ts`],
      ...['--config', 'test/adversary/canary/planted/vitest.config.ts'],
    ],
    {
      cwd: projectRoot,
      // A run of its own: nothing of the one that this is a test of.
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        TMPDIR: folder,
        CELLWALL_CANARY: '1',
        CELLWALL_TEST_REPORT: join(folder, `${file}.json`),
      },
      timeoutMs: 100_000,
    },
  );
  const verdict = verdictShape.parse(JSON.parse(readFileSync(join(folder, `${file}-canary.json`), 'utf8')));
  return { ended, verdict };
}

let every: Awaited<ReturnType<typeof leak>>;
beforeAll(async () => {
  every = await leak('every-kind');
}, 120_000);

test('a key or token is found in every kind of output', () => {
  const test = 'test/adversary/canary/planted/every-kind.ts';
  const { found } = every.verdict;
  expect(found, every.ended.stdout).toEqual(expect.any(Array));
  const places = found.map((place) => place.replace(`, ${test}`, ', here'));
  for (const expected of [
    /^private key \(hex\) in stdout of node, here/,
    /^private key \(base64\) in stderr of node, here/,
    /^admin token \(base64(?:url)?\) in output of a process that nobody listens to/,
    /^private key \(base64(?:url)?\) in file of cellwall-planted\/serve.log, here/,
    /^private key \(base64\) in stdout of node, here/,
    /^private key \(base64\) in stdout of sh, here/,
    /^admin token \(base64(?:url)?\) in file of cellwall-planted\/audit.jsonl, here/,
    /^private key \(hex\) in answer of GET \/metrics, here/,
    /^private key \(numbers\) in answer of GET \/v1\/status, here/,
    /^private key \(bytes\) in socket, here/,
    /^admin token \(base64(?:url)?\) in answer of GET \/config_dump, here/,
    /^private key \(hex\) in log of silent, here/,
    /^admin token \(base64(?:url)?\) in stdout of cellwall status in the test, here/,
    /^private key \(hex\) in report of vitest/,
    /^private key \(hex\) in report of every-kind.json/,
  ]) {
    expect(places.filter((place) => expected.test(place)).length, `${expected}\n${places.join('\n')}`).toBeGreaterThan(
      0,
    );
  }
});

test('a run that found one fails, though every test passed, and says where', { timeout: 120_000 }, async () => {
  const { ended, verdict } = await leak('one-word');
  expect(ended.code).toBe(1);
  expect(ended.stdout).toContain('1 passed');
  expect(verdict).toMatchObject({ failed: true });
  expect(ended.stderr).toContain('canary: KEYS OR TOKENS IN OUTPUTS');
  expect(ended.stderr).toMatch(
    /found: private key \(base64(?:url)?\) in stdout of node forks\.js, test\/adversary\/canary\/planted\/one-word\.ts, after /,
  );
});
