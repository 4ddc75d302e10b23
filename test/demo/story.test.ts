// The whole demo, with fewer repetitions: every step holds, the last line is the result, and nothing is left behind.
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const main = fileURLToPath(new URL('../../demo/main.ts', import.meta.url));
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-test-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The demo with its temporary files in `folder`; `watch` is given what it says. */
function demo(
  args: readonly string[],
  watch: (said: string, interrupt: () => void) => void = () => {},
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...args], { env: { ...process.env, TMPDIR: folder } });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk;
      watch(stdout, () => child.kill('SIGINT'));
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** Processes that work in `folder`. */
function left(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      } catch {
        return '';
      }
    })
    .filter((command) => command.includes(folder));
}

/** Node's compile cache may stay; a folder of a run may not. */
function folders(): string[] {
  return readdirSync(folder).filter((name) => name.startsWith('cellwall-demo-'));
}

test('every step holds', { timeout: 180_000 }, async () => {
  const { code, stdout, stderr } = await demo(['--quick', '--json']);
  expect(code, stderr).toBe(0);
  const result: unknown = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
  expect(result).toMatchObject({
    ok: true,
    steps: [
      { name: 'permissive', ok: true, plaintext: 1, 'one-way-tls': 2, legacy: 1 },
      { name: 'every-caller-moves', ok: true, callers: 10, plaintextAfter: 0 },
      { name: 'strict', ok: true, refused: 3 },
      { name: 'authorization', ok: true, explained: 19 },
      { name: 'urgent-deny', ok: true, rounds: 5 },
      { name: 'rotation', ok: true, failed: 0, rotations: 3 },
      { name: 'control-plane-killed', ok: true, failed: 0, endpointsLost: 0, repushed: 0 },
      { name: 'broken-policy', ok: true, exitCode: 3 },
      { name: 'cut-over', ok: true, refusedFor: 'plaintext, 127.0.0.1' },
      { name: 'field', ok: true, lifetimes: 3, uploadsRefused: 10 },
      { name: 'ci-job', ok: true, refused: 3 },
    ],
    envoys: { envoys: 9, disconnected: 0, updateRejected: 0, warming: 0 },
  });
  expect(left()).toEqual([]);
  expect(folders()).toEqual([]);
});

test.each([
  ['before its sidecars', 'stand-in services'],
  ['with every Envoy serving', 'sidecars serve'],
])('Ctrl-C %s leaves no process and no file', { timeout: 60_000 }, async (_, moment) => {
  let interrupted = false;
  const { code } = await demo(['--quick'], (said, interrupt) => {
    if (interrupted || !said.includes(moment)) return;
    interrupted = true;
    interrupt();
  });
  expect(code).toBe(130);
  expect(left()).toEqual([]);
  expect(folders()).toEqual([]);
});

test.each(['--fast', '--requests-each=0', '--requests-each=many'])('%s is a usage error', async (flag) => {
  const { code, stderr } = await demo([flag]);
  expect(code).toBe(2);
  expect(stderr).toContain('--quick');
});
