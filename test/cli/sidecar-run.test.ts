// `svid fetch`, `svid show` and `bootstrap` against a real identity API: the files, their renewal, and a proxy named by them.
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSidecarRun } from '../../src/cli/sidecar-run.ts';
import { lockFolder } from '../../src/lib/folder-lock.ts';
import { type CliResult, runCli } from '../support/cli-harness.ts';
import { createIdentityHarness, type IdentityHarness } from '../support/identity-harness.ts';

const run = createSidecarRun({ env: {} });
let identity: IdentityHarness;
let folder: string;

beforeAll(async () => {
  identity = await createIdentityHarness();
});

afterAll(async () => {
  await identity.close();
});

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-cli-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function fetch(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CliResult> {
  const { host, port } = identity.address;
  const server = ['--identity-address', `${host}:${port}`, '--log-level', 'silent'];
  return runCli(['svid', 'fetch', '--dir', join(folder, 'svid'), ...server, ...args], { env, run });
}

async function withSvid(uri: string): Promise<string> {
  const token = (await identity.token(uri)).reveal();
  expect(await fetch(['--spiffe-id', uri, '--token', token])).toMatchObject({ code: 0 });
  return join(folder, 'svid');
}

describe('svid fetch', () => {
  it('writes certificate, key and bundle, and renews them without a token', async () => {
    const token = (await identity.token('spiffe://td1/cell/c1/service/api')).reveal();
    const first = await fetch(['--service', 'c1/api', '-o', 'json'], { CELLWALL_TOKEN: token });
    expect(first).toMatchObject({ code: 0, stderr: '' });
    const answer = JSON.parse(first.stdout);
    const directory = join(folder, 'svid');
    expect(answer).toMatchObject({
      spiffeId: 'spiffe://td1/cell/c1/service/api',
      files: ['svid.pem', 'key.pem', 'bundle.pem'].map((name) => join(directory, name)),
    });
    expect(statSync(join(directory, 'key.pem')).mode & 0o777).toBe(0o600);
    const before = readFileSync(join(directory, 'svid.pem'), 'utf8');
    expect(await fetch(['--service', 'c1/api'])).toMatchObject({ code: 0 });
    expect(readFileSync(join(directory, 'svid.pem'), 'utf8')).not.toBe(before);
  });

  it('refuses a token of another identity than was asked for', async () => {
    const token = (await identity.token('spiffe://td1/service/web')).reveal();
    for (const ref of ['api', 'c1/web', 'eb']) {
      expect(await fetch(['--service', ref, '--token', token])).toMatchObject({
        code: 1,
        stderr: expect.stringContaining(`is spiffe://td1/service/web, not that of the service ${ref}`),
      });
    }
  });
});

describe('sidecar', () => {
  it('refuses the folder of one that runs, and leaves it as it is', async () => {
    const lock = lockFolder({ folder, name: 'sidecar', hint: '' });
    const args = ['sidecar', '--service', 'web', '--data', folder, '--app', '80', '--listen', '127.0.0.1:0'];
    expect(await runCli(args, { run })).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(`already running as pid ${process.pid}\n  hint: .*own --instance and --data`),
    });
    expect(existsSync(join(folder, 'listen-port'))).toBe(false);
    lock.release();
  });
});

describe('bootstrap', () => {
  it('is that of the certificate in the directory, the same each time', async () => {
    const directory = await withSvid('spiffe://td1/cell/c1/service/api');
    const args = ['bootstrap', '--dir', directory, '--app', '8080', '--listen', '10.0.0.5:8443', '--server', 'plane'];
    const first = await runCli(args, { run });
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect((await runCli(args, { run })).stdout).toBe(first.stdout);
    const bootstrap: unknown = JSON.parse(first.stdout);
    expect(bootstrap).toMatchObject({
      node: {
        id: expect.stringMatching(/^spiffe:\/\/td1\/cell\/c1\/service\/api~[0-9a-f]{12}$/),
        cluster: 'api',
        metadata: { cellwall: { inbound: '10.0.0.5:8443', application: '127.0.0.1:8080' } },
      },
    });
    expect(first.stdout).toContain('"exact": "spiffe://td1/cellwall/server"');
    expect(first.stdout).toContain('"address": "plane"');
    for (const name of ['xds-certificate.json', 'xds-bundle.json']) {
      const path = join(directory, name);
      expect(first.stdout).toContain(path);
      expect(JSON.parse(readFileSync(path, 'utf8'))).toHaveProperty('resources');
    }
  });

  it('holds no key', async () => {
    const directory = await withSvid('spiffe://td1/service/api');
    const { stdout } = await runCli(['bootstrap', '--dir', directory, '-o', 'yaml'], { run });
    expect(stdout).not.toContain('PRIVATE KEY');
  });

  it('says what to do without a certificate, and without a port', async () => {
    expect(await runCli(['bootstrap', '--dir', join(folder, 'none')], { run })).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/no certificate in .+\n {2}hint: get one first: cellwall svid fetch/),
    });
    const directory = await withSvid('spiffe://td1/service/api');
    expect(await runCli(['bootstrap', '--dir', directory, '--app', '80'], { run })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('--listen 10.0.0.5:8443'),
    });
  });
});

describe('svid show', () => {
  it('shows the identity and the dates', async () => {
    const directory = await withSvid('spiffe://td1/service/api');
    const { code, stdout } = await runCli(['svid', 'show', join(directory, 'svid.pem'), '-o', 'json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ spiffeId: 'spiffe://td1/service/api', dnsNames: [] });
  });
});
