// Completion in real shells: commands, flags, values and names, the latter from a control plane that may be slow, away or hostile.
import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AdminHarness, adminToken, startAdmin } from '../support/admin-harness.ts';
import { runCli } from '../support/cli-harness.ts';
import { startHostileAdmin } from '../support/hostile-admin.ts';
import { meshText, serviceText, yaml } from '../support/resolve-text.ts';
import { projectRoot } from '../support/source-files.ts';
import { openTerminal } from '../support/terminal.ts';

const run = promisify(execFile);
let admin: AdminHarness;
let folder: string;
let env: Record<string, string>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-completion-'));
  admin = await startAdmin();
  const address = `127.0.0.1:${admin.address.port}`;
  env = { CELLWALL_ADMIN: address, CELLWALL_ADMIN_TOKEN: adminToken, HOME: folder, XDG_CONFIG_HOME: folder };
  const documents = yaml(meshText(), serviceText('web'), serviceText('worker'), serviceText('api'));
  await runCli(['apply', '-f', '-'], { env, stdin: documents });
  await runCli(['context', 'add', 'prod', '--data', folder], { env });
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  writeFileSync(
    join(bin, 'cellwall'),
    `#!/bin/sh\nexec "${process.execPath}" "${join(projectRoot, 'bin/cellwall.cjs')}" "$@"\n`,
  );
  chmodSync(join(bin, 'cellwall'), 0o755);
  env = { ...env, PATH: `${bin}${delimiter}${process.env['PATH']}` };
});

afterAll(async () => {
  await admin.close();
  rmSync(folder, { recursive: true, force: true });
});

/** What fits at the end of that command line. */
async function fits(line: string, more: Readonly<Record<string, string>> = {}): Promise<readonly string[]> {
  const words = line.split(' ');
  const { code, stdout, stderr } = await runCli(['completion', 'bash', '--', ...words], { env: { ...env, ...more } });
  expect([code, stderr]).toEqual([0, '']);
  return stdout.split('\n').slice(0, -1);
}

describe('what fits', () => {
  it.each([
    ['sta', ['status']],
    ['st', ['store', 'status']],
    ['context ', ['add', 'use', 'list', 'show', 'remove']],
    ['help co', ['context', 'completion']],
    ['status --pro', ['--problems']],
    ['status --problems --pro', []],
    ['status --every 2s w', ['web', 'worker']],
    ['status web -o j', ['json']],
    ['-o j', ['json']],
    ['-o json sta', ['status']],
    ['status --output=j', ['--output=json']],
    ['explain web a', ['api']],
    ['explain anon', ['anonymous']],
    ['explain web api x', []],
    ['doctor call web w', ['web', 'worker']],
    ['get Service/w', ['Service/web', 'Service/worker']],
    ['get Mes', ['Mesh', 'Mesh/mesh']],
    ['delete Service/web Service/a', ['Service/api']],
    ['serve --store ', ['directory', 'memory', 'redis']],
    ['serve --data ', [':files']],
    ['validate ', [':files']],
    ['context use ', ['prod']],
    ['history --context p', ['prod']],
    ['completion z', ['zsh']],
    ['nonsense ', []],
    ['token create --service wor', ['worker']],
  ])('at the end of "%s" is %j', async (line, expected) => {
    const found = await fits(line);
    expect(found.toSorted()).toEqual([...expected].toSorted());
  });

  it('are flags of the command and those that all have', async () => {
    expect(await fits('history -')).toEqual(expect.arrayContaining(['--admin', '--context', '--output']));
  });

  it('has meanings for shells that show them', async () => {
    const { stdout } = await runCli(['completion', 'zsh', '--', 'hist'], { env });
    expect(stdout).toBe('history\tshow the last revisions\n');
  });
});

describe('names', () => {
  it('are none where nobody answers, within a second, and not a word is said', async () => {
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const address = silent.address();
    const port = typeof address === 'object' ? address?.port : 0;
    for (const CELLWALL_ADMIN of [`127.0.0.1:${port}`, '127.0.0.1:1', 'not an address']) {
      const began = performance.now();
      expect(await fits('status w', { CELLWALL_ADMIN })).toEqual([]);
      expect(performance.now() - began).toBeLessThan(4000);
    }
    expect(await fits('status w', { CELLWALL_ADMIN_TOKEN: '' })).toEqual([]);
    expect(await fits('status --context nobody w')).toEqual([]);
    silent.close();
  });

  it('that a shell would take for more than a word are not offered', async () => {
    const hostile = await startHostileAdmin();
    const odd = [
      '$(id)',
      '`id`',
      'a;id',
      'a b',
      '-rf',
      "a'b",
      'a\nb',
      '\u001b[2J',
      'ok',
      'a|b',
      '~root',
      7,
      null,
      'x'.repeat(999),
    ];
    hostile.answers(JSON.stringify({ services: odd.map((service) => ({ service })) }));
    expect(await fits('status ', { CELLWALL_ADMIN: hostile.address })).toEqual(['ok']);
    for (const body of ['[]', 'null', '{"services": 3}', '<html>']) {
      hostile.answers(body);
      expect(await fits('status ', { CELLWALL_ADMIN: hostile.address })).toEqual([]);
    }
    hostile.close();
  });
});

describe('bash', () => {
  /** As bash cuts a line into words, with the last one being typed. */
  async function replies(...words: readonly string[]): Promise<readonly string[]> {
    const script =
      'source <(cellwall completion bash); complete -p cellwall; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _cellwall; ' +
      'for one in "$' +
      '{COMPREPLY[@]}"; do echo "$one"; done';
    const { stdout, stderr } = await run('bash', ['--norc', '-c', script, 'bash', ...words], { env });
    expect(stderr).toBe('');
    const [declared, ...found] = stdout.split('\n').slice(0, -1);
    expect(declared).toBe('complete -F _cellwall cellwall');
    return found.filter((word) => word !== '');
  }

  it.each([
    [['cellwall', 'stat'], ['status']],
    [
      ['cellwall', 'status', 'w'],
      ['web', 'worker'],
    ],
    // bash cuts at "=".
    [['cellwall', 'status', '--output', '=', 'j'], ['json']],
    [
      ['cellwall', 'status', '--output', '='],
      ['table', 'json', 'yaml', 'wide'],
    ],
    [['cellwall', 'serve', '--data', ''], []],
    [['cellwall', 'no-such-thing', ''], []],
  ])('has for %j %j', async (words, expected) => {
    expect(await replies(...words)).toEqual(expected);
  });

  it('completes at the prompt', async () => {
    const terminal = openTerminal(['bash', '--norc', '-i'], { columns: 100, rows: 30, env: { ...env, PS1: '> ' } });
    terminal.type("source <(cellwall completion bash); echo re''ady\r");
    await terminal.until(/ready\r/);
    terminal.type('cellwall status wor\t');
    await terminal.until(/cellwall status worker /);
    await terminal.close();
  }, 60_000);
});

const has = (shell: string): boolean =>
  (process.env['PATH'] ?? '').split(delimiter).some((place) => existsSync(join(place, shell)));

// Where they are.
if (has('fish')) {
  it('fish has commands, names and their meanings', async () => {
    const script = 'cellwall completion fish | source; complete -C "cellwall hist"; complete -C "cellwall status wor"';
    const { stdout } = await run('fish', ['--no-config', '-c', script], { env });
    expect(stdout).toBe('history\tshow the last revisions\nworker\n');
  }, 60_000);
}
if (has('zsh')) {
  it('zsh completes at the prompt', async () => {
    const terminal = openTerminal(['zsh', '-f', '-i'], {
      columns: 100,
      rows: 30,
      env: { ...env, PS1: '> ', TERM: 'dumb' },
    });
    terminal.type("autoload -Uz compinit; compinit -u -D; source <(cellwall completion zsh); echo re''ady\r");
    await terminal.until(/ready\r/);
    terminal.type('cellwall status wor\t');
    await terminal.until(/cellwall status worker/);
    await terminal.close();
  }, 60_000);
}
