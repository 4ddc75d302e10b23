// Prometheus's own promtool judges the alert rules: their syntax, and that each fires when it should and is quiet just below.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { projectRoot } from '../support/source-files.ts';

const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'cellwall/promtool/usr/bin/promtool');
const promtool = existsSync(cache) ? cache : 'promtool';
const cwd = join(projectRoot, 'deploy/prometheus');

test('the rules are valid', () => {
  const output = execFileSync(promtool, ['check', 'rules', '--lint-fatal', 'cellwall.rules.yml'], {
    cwd,
    encoding: 'utf8',
  });
  expect(output).toMatch(/SUCCESS: \d\d rules found/);
});

test('each fires when it should, and not just below', () => {
  expect(execFileSync(promtool, ['test', 'rules', 'cellwall.rules.test.yml'], { cwd, encoding: 'utf8' })).toContain(
    'SUCCESS',
  );
});
