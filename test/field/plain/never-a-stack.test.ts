// No command of ours prints a stack, or source, whatever its arguments and environment: every one of them as a process, in odd
// circumstances; and in the circumstances of a container (no HOME, a folder that cannot be written).
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { figure } from '../../support/figure.ts';

const bin = fileURLToPath(new URL('../../../bin/cellwall.cjs', import.meta.url));
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-plain-'));
  mkdirSync(join(folder, 'docs'));
  writeFileSync(join(folder, 'file'), 'x');
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly text: string;
}

function run(command: string, env: Readonly<Record<string, string>>): Promise<Ended> {
  const child = spawn('sh', ['-c', command.replaceAll('cellwall ', `'${process.execPath}' '${bin}' `)], {
    cwd: folder,
    env: { PATH: process.env['PATH'] ?? '', HOME: join(folder, 'home'), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
  }
  const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
  return new Promise((resolve) =>
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code, text });
    }),
  );
}

const stack = /^\s+at .*[:(]\d+|node:internal|^Node\.js v|throw |file:\/\/\/|UnhandledPromise/m;
const sidecar = 'cellwall sidecar --service api --app 1 --token x';

/** What is run, in which environment, and what it has to say. */
const rows: readonly (readonly [command: string, env: Readonly<Record<string, string>>, says: RegExp])[] = [
  [
    `${sidecar} --data d1`,
    { ENVOY_BIN: '/nonexistent' },
    /no executable Envoy at \/nonexistent\n.*hint: check --envoy-bin or ENVOY_BIN/,
  ],
  [`${sidecar} --data d2`, { ENVOY_BIN: '/etc' }, /^error: /m],
  [`${sidecar} --data d3`, { ENVOY_BIN: '/etc/passwd' }, /no executable Envoy/],
  [`${sidecar} --data file`, {}, /^error: /m],
  [`${sidecar}`, { HOME: '' }, /no place to keep state: HOME is not set/],
  ['cellwall serve --documents docs', { HOME: '' }, /no place to keep state: HOME is not set/],
  ['cellwall serve --documents docs', { HOME: '/proc' }, /^error: /m],
  ['cellwall serve --documents docs --data file/x', {}, /^error: /m],
  ['cellwall serve --documents docs --data d4 --admin-listen 127.0.0.1:99999', {}, /^error: /m],
  ['cellwall status', { HOME: '' }, /^error: /m],
  ['cellwall status --admin-token x', { HOME: '' }, /^error: /m],
  ['cellwall status --admin http://[::1 --admin-token x', {}, /^error: /m],
  ['cellwall apply -f docs', {}, /^error: /m],
  ['cellwall apply -f /dev/null', {}, /^error: /m],
  ['cellwall validate /proc/self/mem', {}, /./],
  ['cellwall svid show /nonexistent', {}, /^error: /m],
  ['cellwall --help | head -1', {}, /Usage/],
  ['cellwall schema | head -1', {}, /\{/],
  ['cellwall schema > /dev/full', {}, /cannot write the output/],
  [
    'cellwall status',
    { NO_SUCH: '\u001b', CELLWALL_ADMIN: '\u0000x'.slice(1), CELLWALL_DATA: '/proc/1/x' },
    /^error: /m,
  ],
];

it('rows of odd circumstances', { timeout: 240_000 }, async () => {
  let printed = 0;
  for (let at = 0; at < rows.length; at += 2) {
    await Promise.all(
      rows.slice(at, at + 2).map(async ([command, env, says]) => {
        const { text } = await run(command, env);
        if (stack.test(text)) printed += 1;
        expect(text, command).not.toMatch(stack);
        expect(text, command).toMatch(says);
        expect(text.length, command).toBeLessThan(20_000);
      }),
    );
  }
  figure('stacksPrinted', printed);
});

it('nothing is kept in the current folder without a word', async () => {
  const { code } = await run('cellwall serve --documents docs && false; test ! -e .local', { HOME: '' });
  expect(code).toBe(0);
});

it('a fault of our own is one line, with what to do; the stack is for who asks', async () => {
  const fault = 'setTimeout(() => { throw new Error("a fault\\u001b[31m") }, 0)';
  const options = `--import=data:text/javascript,${encodeURIComponent(`process.nextTick(() => setTimeout(() => { ${fault} }, 300))`)}`;
  const plain = await run(`cellwall serve --documents docs --data d5`, { NODE_OPTIONS: options });
  expect(plain.code).toBe(1);
  expect(plain.text).toMatch(/^error: a fault\\u001b\[31m\n {2}hint: /m);
  expect(plain.text).not.toMatch(stack);
  const asked = await run(`cellwall serve --documents docs --data d6`, { NODE_OPTIONS: options, CELLWALL_DEBUG: '1' });
  expect(asked.text).toMatch(/\n\s+at /);
});
