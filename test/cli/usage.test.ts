// Help, usage errors, and where values come from: flags over environment over defaults.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CliRun, SidecarOptions } from '../../src/cli/run.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import type { ServeOptions } from '../../src/serve/serve-options.ts';
import { stores } from '../../src/store/catalog.ts';
import { runCli } from '../support/cli-harness.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-cli-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

it.each([
  [['\u001b[2Jserve']],
  [['serve', '--x\u009b2J']],
  [['sidecar', '--app', 'unix:\u202e/x']],
  [['sidecar', '--xds-variant', '\u001b]0;x\u0007']],
])('repeats %j without what a terminal obeys', async (args) => {
  const { code, stdout, stderr } = await runCli(args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(/^error: /);
  expect(stderr.replaceAll('\n', '')).not.toMatch(/\p{C}/u);
});

describe('help', () => {
  it('names every command, grouped', async () => {
    const { code, stdout, stderr } = await runCli(['--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    await expect(stdout).toMatchFileSnapshot('help.txt');
  });

  it.each([
    'serve',
    'sidecar',
    'validate',
    'apply',
    'get',
    'delete',
    'diff',
    'status',
    'explain',
    'schema',
    'bootstrap',
  ])('of %s fits a terminal', async (command) => {
    const { code, stdout } = await runCli([command, '--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`^Usage: cellwall ${command}`));
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(125);
  });

  it('warns of nothing, however many kinds of a thing there are', async () => {
    const warned: Error[] = [];
    const note = (warning: Error): void => void warned.push(warning);
    process.on('warning', note);
    await runCli(['serve', '--help']);
    await setImmediate();
    process.off('warning', note);
    expect(warned).toEqual([]);
  });

  it('of serve has what every store and CA can be told, a line each', async () => {
    const { stdout } = await runCli(['serve', '--help']);
    expect(stdout).toMatch(/With --store redis, each as --store-option NAME=VALUE:\n/);
    for (const name of Object.keys((await stores.redis()).options))
      expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
    expect((await runCli(['apply', '--help'])).stdout).not.toContain('--store-option');
  });

  it('is a command, too', async () => {
    expect(await runCli(['help'])).toEqual(await runCli(['--help']));
    expect(await runCli(['help', 'apply'])).toEqual(await runCli(['apply', '--help']));
  });

  it('prints the version', async () => {
    expect(await runCli(['--version'])).toEqual({ code: 0, stdout: '9.9.9\n', stderr: '' });
  });
});

describe('usage errors', () => {
  it.each([
    [['nope'], /unknown command 'nope'/],
    [['aply'], /Did you mean apply\?/],
    [['apply'], /required option '-f/],
    [['apply', '-f', 'x', '--expected-revision', 'x'], /not the number of a revision/],
    [['apply', '-f', 'x', '--since', '1 day'], /a whole number and ms, s, m, h or d/],
    [['rollback', '--to', '-1'], /not the number of a revision/],
    [['rollback', '--since', '1y'], /as in 24h/],
    [['simulate', '-f', 'x', '--since', ''], /as in 24h/],
    [['token', 'create', '--service', 'a', '--ttl', '0s'], /as in 24h/],
    [['audit', '--last', '0'], /expected a number from 1 to 10000, found 0/],
    [['serve', '--identity', '0.0.0.0:1'], /unknown option '--identity'/],
    [['svid', 'fetch', '--dir', 'x', '--identity', 'spiffe://td1/x'], /unknown option '--identity'/],
    [['get', 'Servise/x'], /no kind "Servise"; kinds: Mesh/],
    [['get', 'Service/a/b/c'], /not a key/],
    [['delete', 'Service'], /Service\/NAME is needed/],
    [['status', '-o', 'xml'], /Allowed choices are table, json, yaml/],
    [['explain', 'a'], /give a caller and a target, or --request/],
    [
      ['explain', '--offline', '-f', 'mesh.d', 'web', 'api'],
      /-f took mesh\.d web api as files: put caller and target before it/,
    ],
    [['explain', 'a', 'b', '--grpc', 'x.Y/Z', '--path', '/'], /give either --grpc, or --method and --path/],
    [['token', 'create'], /no identity given/],
    [['token', 'create', '--service', 'a', '--spiffe-id', 'b'], /not both/],
    [['token'], /Usage: cellwall token/],
    [['sidecar'], /no identity given/],
    [['sidecar', '--service', 'a', '--app', 'name:80'], /an IP address is needed/],
    [['sidecar', '--service', 'a', '--listen', '1.2.3.4:99999'], /not host:port/],
    [['sidecar', '--service', 'a', '--envoy-admin', '0.0.0.0:9901'], /loopback only/],
    [['sidecar', '--service', 'a', '--drain-seconds', '-1'], /whole number of seconds/],
    [['serve', '--store', 'redis'], /needs --redis-url/],
    [['serve', '--log-level', 'loud'], /Allowed choices/],
    [['serve', '--store', 'memory', '--oidc-files', '/srv/oidc'], /need --oidc-issuer/],
    [['serve', '--store', 'memory', '--oidc-issuer', 'https://a.test'], /needs --oidc-listen or --oidc-files/],
    [['serve', '--store', 'memory', '--oidc-issuer', 'https://a.test/', '--oidc-files', '/srv'], /no final slash/],
    [
      ['serve', '--store', 'memory', '--oidc-issuer', 'http://a.test', '--oidc-files', '/srv'],
      /not the URL of an issuer/,
    ],
    [['serve', '--store', 'memory', '--oidc-issuer', 'https://a.test', '--oidc-listen', '0.0.0.0:1'], /has no TLS/],
    [
      ['serve', '--store', 'memory', '--oidc-issuer', 'https://a.test', '--oidc-files', '/a', '--oidc-tls-cert', 'a'],
      /must be given together/,
    ],
    [['serve', '--store', 'memory', '--publish', 'folder:/srv'], /not KIND:PLACE, .*"folder:\/srv"; kinds: directory/],
    [['serve', '--store', 'memory', '--publish', '/srv/trust'], /not KIND:PLACE, as in directory:/],
    [['serve', '--store', 'memory', '--publish', 'directory:'], /not KIND:PLACE/],
    [['serve', '--store', 'memory', '--publish', 'directory:/a', 'directory:/a'], /"directory:\/a" is named twice/],
    [
      ['serve', '--store', 'memory', ...Array.from({ length: 17 }, (_, n) => ['--publish', `directory:/${n}`]).flat()],
      /17 places/,
    ],
    [['serve', '--admin-listen', '0.0.0.0:18080'], /loopback only .*, not 0\.0\.0\.0; .*a tunnel/],
    [['serve', '--admin-listen', '[::]:18080'], /loopback only .*, not ::/],
    [['serve', '--admin-listen', 'example.org:18080'], /loopback only .*, not example\.org/],
  ])('%j exits with 2', async (args, told) => {
    const { code, stdout, stderr } = await runCli(args);
    expect(stderr).toMatch(told);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  it('of the environment name the variable', async () => {
    const { code, stderr } = await runCli(['sidecar', '--service', 'a'], { env: { CELLWALL_LISTEN: 'nonsense' } });
    expect(code).toBe(2);
    expect(stderr).toContain('CELLWALL_LISTEN: not host:port: "nonsense"');
    const admin = await runCli(['serve'], { env: { CELLWALL_ADMIN_LISTEN: '10.0.0.1:18080' } });
    expect(admin.code).toBe(2);
    expect(admin.stderr).toMatch(/CELLWALL_ADMIN_LISTEN: it has no TLS: loopback only/);
  });
});

function revealed(store: ServeOptions['store'] | undefined) {
  const values = Object.entries(store?.options ?? {}).map(([name, value]) => [name, value.reveal()]);
  return [store?.kind, Object.fromEntries(values)];
}

describe('serve', () => {
  const serve = async (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const asked: ServeOptions[] = [];
    const run: Partial<CliRun> = {
      serve: async (options, started) => {
        asked.push(options);
        const at = (port: number) => ({ host: '127.0.0.1', port });
        started({
          xds: at(1),
          identity: at(2),
          admin: at(3),
          trustDomain: 'td1',
          revision: 7,
          services: 1,
          adminTokenFile: '/d/t',
        });
        return 0;
      },
    };
    return { result: await runCli(['serve', ...args], { env, run }), asked };
  };

  it('has defaults, and says what listens where and what to do next', async () => {
    const { result, asked } = await serve(['--documents', folder], { HOME: '/var/me' });
    expect(asked).toEqual([
      {
        store: {
          kind: 'directory',
          options: { documents: expect.any(Redacted), 'settle-seconds': expect.any(Redacted) },
        },
        data: '/var/me/.local/state/cellwall',
        ca: { kind: 'built-in' },
        xds: { host: '0.0.0.0', port: 18000 },
        identity: { host: '0.0.0.0', port: 18001 },
        admin: { host: '127.0.0.1', port: 18080 },
        logLevel: 'info',
        soakSeconds: 60,
      },
    ]);
    expect(result).toMatchObject({ code: 0, stdout: '' });
    expect(result.stderr).toContain('running for td1 (revision 7, 1 service)');
    expect(result.stderr).toContain('cellwall sidecar --service');
  });

  it('takes flags over the environment over defaults', async () => {
    const env = {
      CELLWALL_XDS_LISTEN: '10.0.0.1:1',
      CELLWALL_ADMIN_LISTEN: '127.0.0.1:2',
      CELLWALL_DATA: '/env',
      XDG_STATE_HOME: '/x',
    };
    const { asked } = await serve(['--documents', folder, '--xds-listen', '[::1]:9', '--data', '/flag'], env);
    expect(asked).toMatchObject([
      {
        xds: { host: '::1', port: 9 },
        admin: { host: '127.0.0.1', port: 2 },
        data: '/flag',
        identity: { port: 18001 },
      },
    ]);
    expect((await serve(['--documents', folder], { XDG_STATE_HOME: '/x' })).asked).toMatchObject([
      { data: '/x/cellwall' },
    ]);
  });

  it('takes places to publish to from flags, or with blanks between them from the variable', async () => {
    const [a, b] = [
      { kind: 'directory', place: '/a b:c' },
      { kind: 'directory', place: 'd' },
    ];
    const flags = ['--publish', 'directory:/a b:c', '--publish', 'directory:d'];
    expect((await serve(['--store', 'memory', ...flags])).asked).toMatchObject([{ publish: [a, b] }]);
    const env = { CELLWALL_PUBLISH: ' directory:d  directory:e ' };
    const e = { kind: 'directory', place: 'e' };
    expect((await serve(['--store', 'memory'], env)).asked).toMatchObject([{ publish: [b, e] }]);
    expect((await serve(['--store', 'memory', ...flags], env)).asked).toMatchObject([{ publish: [a, b] }]);
  });

  it('reads the address of Redis from a file, and never prints it', async () => {
    writeFileSync(join(folder, 'url'), 'redis://:secret@redis:6379\n');
    const { asked } = await serve(['--store', 'redis'], { CELLWALL_REDIS_URL_FILE: join(folder, 'url') });
    expect(revealed(asked[0]?.store)).toEqual(['redis', { url: 'redis://:secret@redis:6379' }]);
    expect(JSON.stringify(asked)).not.toContain('secret');
  });

  it('takes options of any store, which may be secrets, and names those of flags alike', async () => {
    const flags = ['--documents', folder, '--settle-seconds', '7'];
    const named = await serve(flags);
    expect(revealed(named.asked[0]?.store)).toEqual(['directory', { documents: folder, 'settle-seconds': '7' }]);
    const given = await serve(['--store', 'redis', '--store-option', 'url=redis://:se=cret@redis']);
    expect(revealed(given.asked[0]?.store)).toEqual(['redis', { url: 'redis://:se=cret@redis' }]);
    expect(JSON.stringify(given.asked)).not.toContain('cret');
    expect((await serve(['--store', 'memory', '--store-option', 'x'])).result.stderr).toContain('as in name=value');
    expect((await serve(['--store', 'redis'])).result.stderr).toContain('--store redis needs --redis-url');
  });

  it('says what to do without documents', async () => {
    const missing = await serve(['--documents', join(folder, 'none')]);
    expect(missing.result.code).toBe(1);
    expect(missing.result.stderr).toMatch(
      /none is not a directory\n {2}hint: create it: put your YAML documents there/,
    );
    // Nobody puts documents into a directory that is filled by the parent.
    const followed = await serve(['--parent', '127.0.0.1:18001', '--documents', join(folder, 'none')]);
    expect(followed.result.stderr).toMatch(/hint: create it: the parent's documents will be kept there/);
    const nowhere = await serve(['--parent', '127.0.0.1:18001']);
    expect(nowhere.result).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /no \.\/cellwall\n {2}hint: .*--documents: the parent's documents will be kept there/,
      ),
    });
  });
});

describe('sidecar', () => {
  const sidecar = async (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const asked: SidecarOptions[] = [];
    const run: Partial<CliRun> = {
      sidecar: async (options) => {
        asked.push(options);
        return 0;
      },
    };
    return { result: await runCli(['sidecar', ...args], { env, run }), asked };
  };

  it('has defaults', async () => {
    const { result, asked } = await sidecar(['--service', 'cell-1/api', '--app', '8080'], { HOME: '/var/me' });
    expect(result).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(asked).toMatchObject([
      {
        wanted: { kind: 'service', ref: 'cell-1/api' },
        ports: [
          {
            name: 'default',
            application: { address: '127.0.0.1', port: 8080 },
            listen: { address: '127.0.0.1', port: 0 },
          },
        ],
        xdsServers: [{ host: '127.0.0.1', port: 18000 }],
        identityServers: [{ host: '127.0.0.1', port: 18001 }],
        data: '/var/me/.local/state/cellwall/sidecars/cell-1.api',
        xdsVariant: 'delta',
        concurrency: 1,
      },
    ]);
  });

  it('of a pure client listens nowhere', async () => {
    const { asked } = await sidecar(['--spiffe-id', 'spiffe://td1/job', '--instance', 'a'], { HOME: '/h' });
    expect(asked[0]?.ports).toEqual([]);
    expect(asked[0]?.data).toBe('/h/.local/state/cellwall/sidecars/td1.job~a');
  });

  it('takes one server for both ports, or each by itself', async () => {
    const env = { CELLWALL_SERVER: 'control-plane', CELLWALL_SERVICE: 'api' };
    expect((await sidecar([], env)).asked).toMatchObject([
      {
        xdsServers: [{ host: 'control-plane', port: 18000 }],
        identityServers: [{ host: 'control-plane', port: 18001 }],
      },
    ]);
    expect((await sidecar(['--xds-address', '[::1]:5'], env)).asked).toMatchObject([
      { xdsServers: [{ host: '::1', port: 5 }], identityServers: [{ host: 'control-plane', port: 18001 }] },
    ]);
  });

  it('takes several servers, separated by commas or one by one, each once', async () => {
    const two = [
      { host: 'a', port: 18001 },
      { host: 'b', port: 18001 },
    ];
    const args = ['--service', 'api'];
    for (const [given, env] of [
      [['--server', 'a,b'], {}],
      [['--server', 'a', '--server', 'b'], { CELLWALL_SERVER: 'c' }],
      [[], { CELLWALL_SERVER: 'a,b' }],
    ] as const) {
      const { asked } = await sidecar([...args, ...given], env);
      expect(asked).toMatchObject([{ identityServers: two, xdsServers: two.map((one) => ({ ...one, port: 18000 })) }]);
    }
    const twice = await sidecar([...args, '--server', 'a,a'], {});
    expect(twice.result).toMatchObject({ code: 2, stderr: expect.stringContaining('one is named twice') });
  });

  it('lets a flag for the one identity win over the environment for the other', async () => {
    const { asked } = await sidecar(['--spiffe-id', 'spiffe://td1/job'], { CELLWALL_SERVICE: 'api' });
    expect(asked).toMatchObject([{ wanted: { kind: 'spiffe-id', id: 'spiffe://td1/job' } }]);
  });

  it('reads its token when it is needed: a flag, a file, the environment', async () => {
    writeFileSync(join(folder, 'token'), 'from-file\n');
    const file = join(folder, 'token');
    const tokenOf = async (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
      (await (await sidecar(['--service', 'api', ...args], env)).asked[0]?.token(true))?.reveal();
    expect(await tokenOf(['--token', 'from-flag'], { CELLWALL_TOKEN: 'from-env' })).toBe('from-flag');
    expect(await tokenOf(['--token-file', file], { CELLWALL_TOKEN: 'from-env' })).toBe('from-file');
    expect(await tokenOf([], { CELLWALL_TOKEN_FILE: file })).toBe('from-file');
    expect(await tokenOf([], { CELLWALL_TOKEN: 'from-env' })).toBe('from-env');
    await expect(tokenOf(['--token-file', join(folder, 'none')])).rejects.toMatchObject({ code: 'not_found' });
    // A restart does not need the file again.
    const { asked } = await sidecar(['--service', 'api', '--token-file', join(folder, 'none')]);
    expect(await asked[0]?.token(false)).toBeUndefined();
  });

  it('says what to do when it has no token and can make none', async () => {
    // A control plane of this host would be waited for: it may have been started just now.
    const { asked } = await sidecar(['--service', 'api', '--server', 'control-plane'], { CELLWALL_DATA: folder });
    await expect(asked[0]?.token(true)).rejects.toMatchObject({
      message: expect.stringContaining('no join token given'),
      hint: expect.stringContaining('cellwall token create'),
    });
  });
});
