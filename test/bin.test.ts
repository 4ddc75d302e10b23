// bin/cellwall.cjs: an old Node is told what is needed; a new one runs the program.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { projectRoot } from './support/source-files.ts';

const work = mkdtempSync(join(tmpdir(), 'cellwall-bin-'));
afterAll(() => rmSync(work, { recursive: true, force: true }));

const bin = join(projectRoot, 'bin/cellwall.cjs');

function onNode(version: string, ...args: readonly string[]) {
  const preload = join(work, `${version}.cjs`);
  writeFileSync(preload, `Object.defineProperty(process, 'versions', { value: { node: '${version}' } });`);
  return spawnSync(process.execPath, ['--require', preload, bin, ...args], { encoding: 'utf8' });
}

it.each(['18.20.0', '20.20.2', '22.17.1'])('refuses Node %s, and says which it needs', (version) => {
  const { status, stdout, stderr } = onNode(version, '--version');
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toContain('needs Node.js 22.18 or newer');
});

it.each(['22.18.0', '24.0.0', '26.1.0'])('runs on Node %s', (version) => {
  const { status, stdout } = onNode(version, '--version');
  expect({ status, stdout }).toEqual({ status: 0, stdout: '0.1.0\n' });
});

it('keeps bytecode in a folder of this user alone, and nowhere that others may write', () => {
  const start = (name: string, before: (home: string, cache: string) => void) => {
    const home = join(work, name);
    const [cache, temporary] = [join(home, '.cache/cellwall/bytecode'), join(home, 'tmp')];
    mkdirSync(temporary, { recursive: true });
    before(home, cache);
    const env = { PATH: process.env['PATH'], TMPDIR: temporary, ...(name === 'homeless' ? {} : { HOME: home }) };
    const { status } = spawnSync(process.execPath, [bin, '--version'], { encoding: 'utf8', env });
    const kept = (folder: string): number => readdirSync(folder, { recursive: true }).length;
    return { status, kept: name === 'homeless' ? 0 : kept(cache) > 0, temporary: kept(temporary) };
  };
  expect(start('own', () => undefined)).toEqual({ status: 0, kept: true, temporary: 0 });
  const shared = start('shared', (_, cache) => {
    mkdirSync(cache, { recursive: true });
    chmodSync(cache, 0o777);
  });
  expect(shared).toEqual({ status: 0, kept: false, temporary: 0 });
  expect(start('homeless', () => undefined)).toEqual({ status: 0, kept: 0, temporary: 0 });
});

it('says nothing where nobody reads its output', () => {
  for (const args of [['--help'], ['schema'], ['no-such-thing']]) {
    // The reader ends at once, long before Node has started.
    const { stderr, output } = spawnSync(
      'bash',
      ['-c', '{ "$0" "$@"; echo $? >&3; } | :', process.execPath, bin, ...args],
      {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      },
    );
    const wrong = args[0] === 'no-such-thing';
    expect(output[3]).toBe(wrong ? '2\n' : '0\n');
    expect(stderr).toMatch(wrong ? /^error: unknown command 'no-such-thing'\n[^\n]*\n$/ : /^$/);
  }
});
