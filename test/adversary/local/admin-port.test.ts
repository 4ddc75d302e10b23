// Another user of the host listens where the control plane should: no command hands him the admin token, nor a join token made with it.
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { leafCommands } from '../../../scripts/cli-reference.ts';
import { createAdminToken } from '../../../src/admin/token.ts';
import type { CliRun } from '../../../src/cli/run.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { adminToken, startAdmin } from '../../support/admin-harness.ts';
import { type CliResult, runCli } from '../../support/cli-harness.ts';
import { descriptorSet } from '../../support/descriptor-set.ts';
import { figure } from '../../support/figure.ts';
import { meshText, serviceText, yaml } from '../../support/resolve-text.ts';
import {
  type FalseServer,
  falseServer,
  falseTlsServer,
  holds,
  ownCertificate,
  plainAnswers,
  relay,
  shortFolder,
} from './false-server.ts';

const folder = shortFolder();
const documents = join(folder.path, 'documents.yaml');
const descriptor = join(folder.path, 'descriptor.binpb');
let token = '';

beforeAll(() => {
  token = createAdminToken(folder.path).reveal();
  writeFileSync(descriptor, descriptorSet('pkg.Topology', [{ name: 'GetCells', access: [1] }]));
  writeFileSync(documents, yaml(meshText(), serviceText('web'), serviceText('api')));
});

afterAll(() => folder.remove());

/** What makes a join token asks for it at once, and gives up soon: nobody waits here for a control plane to come up. */
const run: Partial<CliRun> = {
  async sidecar(options) {
    await options.token(true);
    return 0;
  },
  async serveRunner(options) {
    await options.token(true);
    return 0;
  },
  async fetchSvid(options) {
    await options.token(true);
    return { spiffeId: '', notAfter: 0, files: [] };
  },
};
let later = 0;
const clock = { ...systemClock, monotonic: () => (later += 60_000) };

/** As somebody calls it who gives no address: the token is found in the data folder. */
function cellwall(
  args: readonly string[],
  port: number,
  env: Readonly<Record<string, string>> = {},
): Promise<CliResult> {
  const found = { CELLWALL_DATA: folder.path, CELLWALL_ADMIN: `127.0.0.1:${port}`, ...env };
  return runCli(args, { env: found, run, clock });
}

const calls: Readonly<Record<string, readonly string[]>> = {
  sidecar: ['--service', 'web'],
  'runner serve': [
    ...['--spiffe-id', 'spiffe://example.org/runner/5', '--dir', folder.path, '--run-dir', folder.path],
    ...['--job-users', '200000-200099'],
  ],
  apply: ['-f', documents],
  get: [],
  delete: ['service/web'],
  diff: ['-f', documents],
  simulate: ['-f', documents],
  history: [],
  rollback: [],
  status: [],
  signals: [],
  waiting: [],
  approve: ['3f9a1c0de4b2'],
  reject: ['3f9a1c0de4b2'],
  explain: ['web', 'api'],
  'proxy log-level': ['example.org/service/api~a', 'debug'],
  'audit list': [],
  'audit mtls': [],
  page: [],
  'audit checkpoints': [],
  'admin-token list': [],
  'admin-token create': ['ann', '--role', 'viewer'],
  'admin-token revoke': ['ann'],
  'token create': ['--service', 'web'],
  'token list': [],
  'token revoke': ['abababababab'],
  'node history': [],
  'doctor call': ['web', 'api'],
  'doctor svid': [],
  'certs list': [],
  'certs jwt': [],
  'certs rotate': [],
  'node list': [],
  'node evict': ['spiffe://example.org/service/web'],
  'ban add': ['web', '--reason', 'tests'],
  'ban list': [],
  unban: ['web'],
  'ca status': [],
  'ca rotate': [],
  'svid fetch': ['--service', 'web', '--dir', folder.path],
  'import grpc-access': ['--descriptor', descriptor, '--service', 'api'],
};
const withToken = leafCommands()
  .filter(({ command }) => command.options.some(({ long }) => long === '--admin-token'))
  .map(({ name }) => name);

async function caught<T>(server: FalseServer, call: () => Promise<T>): Promise<{ answer: T; bytes: Buffer }> {
  try {
    const answer = await call();
    expect(server.connections()).toBeGreaterThan(0);
    return { answer, bytes: server.received() };
  } finally {
    await server.close();
  }
}

describe('whoever listens in its place', () => {
  it('would have the token of whoever sends it (the control)', async () => {
    const server = await falseServer(plainAnswers['200'] ?? (() => {}));
    const { bytes } = await caught(
      server,
      () =>
        new Promise((resolve, reject) => {
          const options = { host: '127.0.0.1', port: server.port, headers: { authorization: `Bearer ${token}` } };
          request(options, resolve).on('error', reject).end();
        }),
    );
    expect(holds(bytes, token)).toBe(true);
  });

  it('knows of every command that has the token', () => {
    expect(withToken.filter((name) => calls[name] === undefined)).toEqual([]);
    expect(withToken.length).toBeGreaterThan(12);
  });

  it.each(withToken)('learns nothing of `%s`', async (name) => {
    for (const [how, answer] of Object.entries(plainAnswers)) {
      const server = await falseServer(answer);
      const { answer: result, bytes } = await caught(server, () =>
        cellwall([...name.split(' '), ...(calls[name] ?? [])], server.port),
      );
      expect(holds(bytes, token), how).toBe(false);
      expect(bytes[0], `${how}: what came is a TLS greeting`).toBe(0x16);
      expect(result.code, `${how}: ${result.stdout}`).toBe(1);
      expect(result.stdout, how).toBe('');
      expect(result.stderr).not.toContain('    at ');
    }
  });

  it('learns nothing with TLS: a certificate of his own, another key, an older protocol', async () => {
    const certificate = await ownCertificate();
    const keyed = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', pskCallback: () => randomBytes(32) } as const;
    const kinds = {
      'a certificate': certificate,
      'a certificate, TLS 1.2 at most': { ...certificate, maxVersion: 'TLSv1.2' },
      'another key': { ...keyed, ciphers: 'ECDHE-PSK-CHACHA20-POLY1305' },
      'another key, without Diffie-Hellman': { ...keyed, ciphers: 'PSK-AES128-CBC-SHA:PSK-CHACHA20-POLY1305' },
      'no key, no certificate': {
        ...keyed,
        pskCallback: () => null,
        ciphers: 'aNULL:ECDHE-PSK-CHACHA20-POLY1305:@SECLEVEL=0',
      },
    } as const;
    for (const [how, options] of Object.entries(kinds)) {
      const server = await falseTlsServer(options);
      const { answer, bytes } = await caught(server, () => cellwall(['status'], server.port));
      expect(holds(bytes, token), how).toBe(false);
      expect(bytes.includes('/v1/status'), how).toBe(false);
      expect(answer.code, how).toBe(1);
    }
  });

  it('gets a certificate checked where the address is https', async () => {
    const server = await falseTlsServer(await ownCertificate());
    const { answer, bytes } = await caught(server, () =>
      cellwall(['status'], server.port, { CELLWALL_ADMIN: `https://127.0.0.1:${server.port}` }),
    );
    expect(answer.code).toBe(1);
    expect(holds(bytes, token)).toBe(false);
    expect(bytes.includes('/v1/status')).toBe(false);
  });

  it('passes on what he cannot read: no admin token, no join token, no document', async () => {
    const admin = await startAdmin();
    const between = await relay(admin.address.port);
    const env = { CELLWALL_ADMIN_TOKEN: adminToken };
    try {
      expect(await cellwall(['apply', '-f', documents], between.port, env)).toMatchObject({ code: 0 });
      const made = await cellwall(['token', 'create', '--service', 'web'], between.port, env);
      expect(made).toMatchObject({ code: 0, stdout: expect.stringContaining('token-for-spiffe://td1/service/web') });
      const bytes = between.received();
      expect(bytes.length).toBeGreaterThan(1000);
      expect(['token-for-spiffe', 'kind: Service', '/v1/apply'].filter((text) => bytes.includes(text))).toEqual([]);
      expect(holds(bytes, adminToken)).toBe(false);
      figure('adminTokenBytesSeenByRelay', 0);
    } finally {
      await between.close();
      await admin.close();
    }
  });

  it('is told from a control plane with another token', async () => {
    const admin = await startAdmin();
    const server = await falseServer(plainAnswers['200'] ?? (() => {}));
    try {
      const other = await cellwall(['status'], admin.address.port);
      expect(other.stderr).toMatch(/does not take the token of .+admin\.token/);
      expect((await cellwall(['status'], server.port)).stderr).toMatch(/is not an admin API: it does not prove/);
      expect(admin.logged.filter((line) => line.includes('without a valid token')).length).toBeGreaterThan(0);
    } finally {
      await server.close();
      await admin.close();
    }
  });
});
