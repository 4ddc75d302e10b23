// Contexts: what decides which control plane is meant, a file that nobody else may write, and two who write it at once.
import { spawn } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { adminToken, startAdmin } from '../support/admin-harness.ts';
import { type CliResult, runCli } from '../support/cli-harness.ts';
import { projectRoot } from '../support/source-files.ts';

let folder: string;
let file: string;
let token: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-context-'));
  file = join(folder, 'cellwall/contexts.json');
  token = join(folder, 'admin.token');
  writeFileSync(token, adminToken, { mode: 0o600 });
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const cellwall = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CliResult> =>
  runCli(args, { env: { XDG_CONFIG_HOME: folder, ...env } });
/** Contexts whose addresses nobody listens at: failures name them. */
const add = (name: string, port: number, ...more: readonly string[]): Promise<CliResult> =>
  cellwall(['context', 'add', name, '--admin', `127.0.0.1:${port}`, '--admin-token-file', token, ...more]);
const json = async (args: readonly string[]): Promise<unknown> =>
  JSON.parse((await cellwall([...args, '-o', 'json'])).stdout);

describe('a context', () => {
  it("is added, listed, used, shown and removed; the file is its owner's alone, and holds no token", async () => {
    expect((await add('one', 1)).code).toBe(0);
    await add('two', 2, '--use');
    expect((await cellwall(['context', 'list'])).stdout).toMatch(
      /^one +127\.0\.0\.1:1 +token in .*\ntwo +yes +127\.0\.0\.1:2 /m,
    );
    expect(await json(['context', 'show'])).toMatchObject({ name: 'two', current: true, chosenBy: 'context use' });
    expect(await json(['context', 'show', 'one'])).toMatchObject({ name: 'one', current: false, admin: '127.0.0.1:1' });
    expect(await json(['context', 'use', 'one'])).toEqual({ current: 'one' });
    expect((await cellwall(['context', 'remove', 'one'])).stdout).toBe(
      'removed context one, which was in use: none is now\n',
    );
    expect(await json(['context', 'list'])).toMatchObject([{ name: 'two', current: false }]);
    expect(lstatSync(file).mode & 0o777).toBe(0o600);
    expect(lstatSync(join(folder, 'cellwall')).mode & 0o777).toBe(0o700);
    expect(readFileSync(file, 'utf8')).not.toContain(adminToken);
  });

  it('is not replaced by accident, and every slip is told with what to do', async () => {
    await add('prod', 1);
    for (const [args, code, told] of [
      [
        ['add', 'prod', '--admin', '127.0.0.1:2', '--admin-token-file', token],
        1,
        /there is a context "prod"\n {2}hint: give --replace/,
      ],
      [['add', 'x', '--admin', '127.0.0.1:2'], 2, /one of --admin-token-file, --admin-svid and --data is needed/],
      [['add', 'x', '--admin-token-file', token], 2, /--admin is needed/],
      [['add', 'x', '--admin', '127.0.0.1:2', '--admin-token-file', token, '--data', folder], 2, /and no more/],
      [
        ['add', 'x', '--admin', '10.0.0.1:2', '--admin-token-file', token],
        1,
        /the token is not sent to .* without TLS/,
      ],
      [['add', 'x', '--admin', '127.0.0.1:2', '--admin-svid', folder], 2, /--admin https:/],
      [['add', '../x', '--admin', '127.0.0.1:2', '--admin-token-file', token], 2, /letters, digits/],
      [['add', 'x', '--admin', '127.0.0.1:2', '--admin-token', adminToken], 2, /unknown option '--admin-token'/],
      [['use', 'prot'], 1, /no context "prot"\n {2}hint: did you mean prod\?/],
      [['use', '__proto__'], 2, /letters, digits/],
      [['use', 'constructor'], 1, /no context "constructor"/],
      [['use'], 2, /give a name, or --none/],
      [['remove', 'none'], 1, /there are: prod/],
      [['show'], 1, /no context is in use/],
    ] as const) {
      const result = await cellwall(['context', ...args]);
      expect([result.code, result.stderr]).toEqual([code, expect.stringMatching(told)]);
    }
    expect(await json(['context', 'list'])).toMatchObject([{ name: 'prod', admin: '127.0.0.1:1' }]);
    expect((await add('prod', 3, '--replace')).code).toBe(0);
    expect(await json(['context', 'list'])).toMatchObject([{ name: 'prod', admin: '127.0.0.1:3' }]);
  });
});

describe('which control plane is meant', () => {
  const inUse = { CELLWALL_ADMIN_TOKEN: 'x', CELLWALL_ADMIN: '127.0.0.1:5' };
  it.each([
    ['a flag', ['--admin', '127.0.0.1:9', '--admin-token', 'x'], { CELLWALL_CONTEXT: 'two', ...inUse }, 9],
    ['--context', ['--context', 'two'], { CELLWALL_CONTEXT: 'one', ...inUse }, 2],
    ['CELLWALL_CONTEXT', [], { CELLWALL_CONTEXT: 'two', ...inUse }, 2],
    ['a variable', [], inUse, 5],
    ['what "context use" chose', [], {}, 1],
  ])('is decided by %s first', async (_name, flags, env, port) => {
    await add('one', 1, '--use');
    await add('two', 2);
    const { stderr } = await cellwall(['history', ...flags], env);
    expect(stderr).toContain(`cannot reach the control plane at 127.0.0.1:${port} `);
  });

  it('is not mixed: a context is taken whole', async () => {
    await add('one', 1, '--use');
    for (const flags of [
      ['--admin', '127.0.0.1:9'],
      ['--admin-token', 'x'],
      ['--data', folder],
    ]) {
      const { code, stderr } = await cellwall(['history', '--context', 'one', ...flags]);
      expect([code, stderr]).toEqual([2, expect.stringContaining('a context is taken whole')]);
    }
    // Nor is the token of the one in use sent to an address of a flag.
    const { stderr } = await cellwall(['history', '--admin', '127.0.0.1:9']);
    expect(stderr).toContain('no admin token: /nonexistent/');
  });

  it('has its own token, whatever the variables say, and says where one that is refused comes from', async () => {
    const admin = await startAdmin();
    try {
      await add('one', admin.address.port);
      const env = { CELLWALL_CONTEXT: 'one', CELLWALL_ADMIN_TOKEN: 'another' };
      expect((await cellwall(['history'], env)).code).toBe(0);
      writeFileSync(token, 'another');
      const { code, stderr } = await cellwall(['history', '--context', 'one']);
      expect([code, stderr]).toEqual([1, expect.stringContaining(`does not take the token of ${token} (context one)`)]);
    } finally {
      await admin.close();
    }
  });

  it('that is in use and not there is said, not passed over', async () => {
    await add('one', 1, '--use');
    writeFileSync(file, '{"current": "two", "contexts": {}}');
    const { code, stderr } = await cellwall(['history']);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/no context "two", which is in use\n {2}hint: .*--none/)]);
    expect((await cellwall(['context', 'use', '--none'])).code).toBe(0);
  });
});

describe('the file', () => {
  it.each([
    ['no JSON', '{', /contexts\.json: no JSON/],
    ['another list', '[]', /has no "contexts"/],
    ['an entry that is none', '{"contexts": {"a": 1}}', /"a" is no context/],
    ['a field of another type', '{"contexts": {"a": {"admin": 7}}}', /context "a": "admin" is no text/],
    ['a token in it', '{"contexts": {"a": {"admin": "x", "token": "y"}}}', /unknown field "token"/],
    ['a name that steers a terminal', '{"contexts": {"\\u001b[2J": {}}}', /"\\u001b\[2J" is no name of a context/],
  ])('with %s is refused with its path, and left as it is', async (_name, text, told) => {
    mkdirSync(join(folder, 'cellwall'), { mode: 0o700 });
    writeFileSync(file, text, { mode: 0o600 });
    for (const args of [['history'], ['context', 'list'], ['context', 'use', '--none']]) {
      const { code, stderr } = await cellwall(args);
      expect([code, stderr]).toEqual([1, expect.stringMatching(told)]);
    }
    expect(readFileSync(file, 'utf8')).toBe(text);
    // Whoever says where the control plane is does not need it.
    expect((await cellwall(['history', '--admin', '127.0.0.1:9', '--admin-token', 'x'])).stderr).toContain(
      '127.0.0.1:9',
    );
  });

  it('that others may write, or chose, is refused', async () => {
    await add('one', 1, '--use');
    const refused = async (): Promise<string> => (await cellwall(['history'])).stderr;
    chmodSync(file, 0o644);
    expect(await refused()).toContain('has mode 0644');
    chmodSync(file, 0o600);
    chmodSync(join(folder, 'cellwall'), 0o777);
    expect(await refused()).toMatch(/others may write to .*\n {2}hint: .*chmod 700/);
    chmodSync(join(folder, 'cellwall'), 0o700);
    rmSync(file);
    symlinkSync(join(folder, 'nowhere'), file);
    expect(await refused()).toContain('is a symlink');
  });

  it.each(['the folder', 'the file'])(
    'kept elsewhere, with a link in place of %s, is used and stays there',
    async (what) => {
      const kept = join(folder, 'dotfiles/cellwall');
      await add('one', 1, '--use');
      mkdirSync(dirname(kept), { mode: 0o755 });
      if (what === 'the folder') {
        renameSync(join(folder, 'cellwall'), kept);
        symlinkSync(kept, join(folder, 'cellwall'));
      } else {
        mkdirSync(kept, { mode: 0o755 });
        renameSync(file, join(kept, 'contexts.json'));
        symlinkSync(join(kept, 'contexts.json'), file);
      }
      expect(await json(['context', 'show'])).toMatchObject({ name: 'one', chosenBy: 'context use' });
      expect((await add('two', 2)).code).toBe(0);
      expect(lstatSync(what === 'the folder' ? join(folder, 'cellwall') : file).isSymbolicLink()).toBe(true);
      expect(readFileSync(join(kept, 'contexts.json'), 'utf8')).toContain('"two"');
      chmodSync(kept, 0o777);
      expect((await cellwall(['history'])).stderr).toMatch(/others may write to .*\n {2}hint: .*chmod 700/);
    },
  );

  it('loses nothing when many write at once, in several processes', async () => {
    const bin = join(projectRoot, 'bin/cellwall.cjs');
    const env = { PATH: process.env['PATH'], HOME: folder, XDG_CONFIG_HOME: folder };
    const processes = ['p1', 'p2', 'p3'].map(
      (name) =>
        new Promise((done) => {
          const args = [bin, 'context', 'add', name, '--data', folder];
          spawn(process.execPath, args, { env, stdio: 'ignore' }).once('close', done);
        }),
    );
    const here = Array.from({ length: 12 }, (_, n) => add(`h${n}`, 1000 + n, ...(n % 2 === 0 ? ['--use'] : [])));
    expect((await Promise.all(here)).map(({ code }) => code)).toEqual(here.map(() => 0));
    expect(await Promise.all(processes)).toEqual([0, 0, 0]);
    const rows = await json(['context', 'list']);
    expect(rows).toHaveLength(15);
    expect(readdirSync(join(folder, 'cellwall')).filter((name) => name.startsWith('contexts.json'))).toEqual([
      'contexts.json',
    ]);
  }, 30_000);
});
