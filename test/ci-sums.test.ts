// The last line of CI: what failed is a failure unless its whole file passed when it was run once more, and then it is named.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const script = join(import.meta.dirname, '../scripts/sum-tests.cjs');

interface Suite {
  readonly name: string;
  readonly tests: Readonly<Record<string, 'passed' | 'failed' | 'pending'>>;
  readonly failed?: boolean;
}

const report = (suites: readonly Suite[]): string =>
  JSON.stringify({
    testResults: suites.map(({ name, tests, failed }) => ({
      name,
      status: (failed ?? Object.values(tests).includes('failed')) ? 'failed' : 'passed',
      assertionResults: Object.entries(tests).map(([fullName, status]) => ({
        fullName,
        status,
        failureMessages: status === 'failed' ? [`${fullName} broke\n    at somewhere.ts:1`] : [],
      })),
    })),
  });

function sum(
  steps: number,
  first: readonly Suite[],
  again?: readonly Suite[],
  canary: object | undefined = { failed: false },
): { code: number | null; said: string[] } {
  const folder = mkdtempSync(join(tmpdir(), 'cellwall-sums-'));
  try {
    writeFileSync(join(folder, 'unit.json'), report(first));
    if (canary !== undefined) writeFileSync(join(folder, 'unit-canary.json'), JSON.stringify(canary));
    if (again !== undefined) {
      writeFileSync(join(folder, 'unit-again.json'), report(again));
      writeFileSync(join(folder, 'unit-again-canary.json'), JSON.stringify({ failed: false }));
    }
    const { status, stdout } = spawnSync(process.execPath, [script, String(steps), join(folder, 'unit.json')], {
      env: { ...process.env, CELLWALL_CANARY: '1' },
    });
    return { code: status, said: stdout.toString().trimEnd().split('\n') };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const a = (status: 'passed' | 'failed' | 'pending'): Suite => ({ name: 'a', tests: { one: 'passed', two: status } });

test.each([
  ['all passed', 0, [a('passed')], undefined, 0, '2 passed, 0 failed, 0 skipped'],
  ['one failed', 0, [a('failed')], undefined, 1, '1 passed, 1 failed, 0 skipped'],
  ['one failed twice', 0, [a('failed')], [a('failed')], 1, '1 passed, 1 failed, 0 skipped'],
  ['one passed the second time', 0, [a('failed')], [a('passed')], 0, '2 passed, 0 failed, 0 skipped'],
  [
    'another of its file failed the second time',
    0,
    [a('failed')],
    [{ name: 'a', tests: { one: 'failed', two: 'passed' } }],
    1,
    '1 passed, 1 failed, 0 skipped',
  ],
  ['one skipped', 0, [a('pending')], undefined, 1, '1 passed, 0 failed, 1 skipped'],
  ['skipped the second time', 0, [a('failed')], [a('pending')], 1, '1 passed, 1 failed, 0 skipped'],
  [
    'a file that cannot be loaded',
    0,
    [{ name: 'b', tests: {}, failed: true }, a('passed')],
    undefined,
    1,
    '2 passed, 1 failed, 0 skipped',
  ],
  ['a step beside the tests', 1, [a('passed')], undefined, 1, '2 passed, 1 failed, 0 skipped'],
  ['nothing ran', 0, [], undefined, 1, '0 passed, 0 failed, 0 skipped'],
] as const)('%s', (_, steps, first, again, code, last) => {
  const ended = sum(steps, first, again);
  expect(ended.said.at(-1)).toBe(last);
  expect(ended.code).toBe(code);
});

test('says why, and what passed only the second time', () => {
  expect(sum(0, [a('failed')]).said).toEqual(['failed: a: two', '    two broke', expect.any(String)]);
  expect(sum(0, [a('failed')], [a('passed')]).said[0]).toBe('only when run again: a: two');
});

test(
  'a key that was found in what the run said is a failure, also when its test passes the second time; so is a run ' +
    'that nobody looked at',
  () => {
    const found = {
      failed: true,
      found: ['admin token (hex) in stdout of node, test/a.test.ts'],
      unused: ['no reason'],
    };
    expect(sum(0, [a('failed')], [a('passed')], found)).toEqual({
      code: 1,
      said: [
        'failed: found: admin token (hex) in stdout of node, test/a.test.ts',
        'failed: an exception of no use: no reason',
        'only when run again: a: two',
        '    two broke',
        '2 passed, 1 failed, 0 skipped',
      ],
    });
    const none = sum(0, [a('passed')], undefined, undefined);
    expect(none.said.at(-1)).toBe('2 passed, 0 failed, 0 skipped');
  },
);
