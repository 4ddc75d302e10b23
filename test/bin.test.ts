// bin/cellwall.cjs: an old Node is told what is needed; a new one runs the program.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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
