// The commands that talk to a control plane, against a real admin API: what they print, in each format, and their exit codes.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { AdminDeps } from '../../src/admin/deps.ts';
import { createAdminToken } from '../../src/admin/token.ts';
import { parseSpiffeId } from '../../src/model/spiffe-id.ts';
import type { ServiceKey } from '../../src/policy/ir.ts';
import { type AdminHarness, adminToken, startAdmin } from '../support/admin-harness.ts';
import { type CliResult, runCli } from '../support/cli-harness.ts';
import { meshText, policyText, serviceText, yaml } from '../support/resolve-text.ts';

const base = yaml(meshText(), serviceText('web'), serviceText('api'));
const allow = yaml(policyText('api', 'api', 'allow', '[{from: [{service: web}]}]'));

let folder: string;
let admin: AdminHarness;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-cli-'));
  admin = await startAdmin();
});

afterEach(async () => {
  await admin.close();
  rmSync(folder, { recursive: true, force: true });
});

function cellwall(args: readonly string[], stdin = '', harness = admin): Promise<CliResult> {
  const env = { CELLWALL_ADMIN: `127.0.0.1:${harness.address.port}`, CELLWALL_ADMIN_TOKEN: adminToken };
  return runCli(args, { env, stdin, clock: harness.clock });
}

async function withAdmin(given: Partial<AdminDeps>, test: (other: AdminHarness) => Promise<void>): Promise<void> {
  const other = await startAdmin({ store: admin.deps.store, ...given });
  try {
    await test(other);
  } finally {
    await other.close();
  }
}

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe('apply', () => {
  it.each(['apply', 'diff', 'simulate'])('%s of a file without documents names the file', async (command) => {
    await cellwall(['apply', '-f', file('a.yaml', base)]);
    const { code, stderr } = await cellwall([command, '-f', file('empty.yaml', '# nothing yet\n')]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr:
        `error: no documents in ${join(folder, 'empty.yaml')}\n  hint: the files are empty, or have only ` +
        `comments: to remove a document, \`cellwall delete\` it\n`,
    });
  });

  it('prunes what the files do not have, and never everything', async () => {
    await cellwall(['apply', '-f', '-'], `${base}---\n${yaml(serviceText('old'))}`);
    const dry = await cellwall(
      ['apply', '--prune', '-f', '-', '--dry-run', '--detailed-exit-code', '-o', 'json'],
      base,
    );
    expect(dry.code).toBe(5);
    expect(JSON.parse(dry.stdout)).toMatchObject({
      kind: 'dry-run',
      differences: [{ op: 'delete', key: 'Service/old' }],
    });
    expect((await cellwall(['diff', '--prune', '-f', '-', '-o', 'json'], base)).stdout).toContain('Service/old');
    expect((await cellwall(['apply', '--prune', '-f', '-'], base)).stdout).toBe(
      'applied 1 (revision 2)\n  delete Service/old\n',
    );
    const again = await cellwall(['apply', '--prune', '-f', '-', '--dry-run', '--detailed-exit-code'], base);
    expect(again.code).toBe(0);
    expect(await cellwall(['apply', '--prune', '-f', '-'], yaml(serviceText('web')))).toMatchObject({ code: 3 });
    expect(await cellwall(['apply', '--prune', '-f', '-'], '# nothing\n')).toMatchObject({ code: 1 });
    const onlyDeletes = { changes: [{ op: 'delete', key: 'Service/web' }], prune: true };
    expect((await admin.call('/v1/apply', { method: 'POST', body: onlyDeletes })).status).toBe(400);
    expect(await cellwall(['apply', '-f', '-', '--detailed-exit-code'], base)).toMatchObject({ code: 2 });
    expect(admin.deps.store.state()?.revision).toBe(2);
  });

  it('takes a file, a directory and standard input', async () => {
    mkdirSync(join(folder, 'd/.hidden'), { recursive: true });
    file('d/a.yaml', base);
    file('d/notes.txt', 'no YAML: [');
    file('d/.hidden/b.yaml', 'no YAML: [');
    const first = await cellwall(['apply', '-f', join(folder, 'd')]);
    expect(first).toEqual({
      code: 0,
      stdout: 'applied 3 (revision 1)\n  Mesh/mesh\n  Service/web\n  Service/api\n',
      stderr: '',
    });
    const second = await cellwall(['apply', '-f', '-', '--urgent', '-o', 'json'], allow);
    expect(JSON.parse(second.stdout)).toMatchObject({
      kind: 'applied',
      revision: 2,
      changed: ['AuthorizationPolicy/api'],
    });
    expect((await cellwall(['apply', '-f', join(folder, 'd/a.yaml')])).stdout).toBe('unchanged (revision 2)\n');
  });

  it('shows what is wrong, the line, a caret and a hint, and exits with 3', async () => {
    await cellwall(['apply', '-f', '-'], base);
    const path = file(
      'bad.yaml',
      policyText('api', 'apii', 'allow', '[]').replaceAll(/^/gm, '').replace('kind', 'apiVersion: cellwall/v1\nkind'),
    );
    const { code, stdout, stderr } = await cellwall(['apply', '-f', path]);
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    const [head, excerpt, caret, hint, end] = stderr.split('\n');
    expect(head).toMatch(new RegExp(`^${path}:4:26: error: no service "apii"`));
    expect(excerpt).toBe('  4 | spec: {target: {service: apii}, action: allow, mode: enforce, rules: []}');
    expect(caret?.indexOf('^')).toBe(excerpt?.indexOf('apii'));
    expect(hint).toBe('  hint: did you mean "api"?');
    expect(end).toBe('1 error: nothing was changed');
    const json = await cellwall(['apply', '-f', path, '-o', 'json']);
    expect(json.code).toBe(3);
    expect(JSON.parse(json.stdout)).toMatchObject({
      error: { code: 'invalid_documents', problems: [{ code: 'unknown-service' }] },
    });
    expect(json.stderr).toBe('1 error: nothing was changed\n');
  });

  it('only looks with --dry-run, and refuses an outdated revision', async () => {
    await cellwall(['apply', '-f', '-'], base);
    const dry = await cellwall(['apply', '-f', '-', '--dry-run'], allow);
    expect(dry.stdout).toBe('would change 1 (revision 1)\n  create AuthorizationPolicy/api\n');
    expect(admin.deps.store.state()?.revision).toBe(1);
    const late = await cellwall(['apply', '-f', '-', '--expected-revision', '0'], allow);
    expect(late.code).toBe(1);
    expect(late.stderr).toMatch(/^error: /);
  });

  it('says so when there is nothing to read', async () => {
    expect(await cellwall(['apply', '-f', join(folder, 'none.yaml')])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/no such file/),
    });
    expect(await cellwall(['apply', '-f', folder])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/no \.yaml or \.yml file/),
    });
  });
});

describe('get, diff, delete', () => {
  beforeEach(async () => {
    await cellwall(['apply', '-f', '-'], base);
  });

  it('lists and shows documents', async () => {
    const list = await cellwall(['get']);
    expect(list.stdout.split('\n').map((line) => line.split(' ')[0])).toEqual(
      expect.arrayContaining(['KEY', 'Mesh/mesh', 'Service/api', 'Service/web']),
    );
    expect((await cellwall(['get', 'services', '-o', 'json'])).stdout).not.toContain('Mesh');
    const one = await cellwall(['get', 'service/web']);
    expect(parse(one.stdout)).toMatchObject({ kind: 'Service', metadata: { name: 'web' } });
    const all = await cellwall(['get', '-o', 'yaml']);
    expect(all.stdout.match(/^---$/gm)).toHaveLength(2);
    expect(await cellwall(['get', 'Service/nobody'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/no document "Service\/nobody"/),
    });
  });

  it('compares, and exits with 3 if anything differs', async () => {
    expect(await cellwall(['diff', '-f', '-'], base)).toEqual({ code: 0, stdout: '', stderr: '' });
    const { code, stdout } = await cellwall(['diff', '-f', '-'], yaml(serviceText('web', 'http2'), serviceText('new')));
    expect(code).toBe(3);
    expect(stdout).toBe(
      [
        '--- Service/web',
        '+++ Service/web',
        '@@ -1,4 +1,4 @@',
        ' apiVersion: cellwall/v1',
        ' kind: Service',
        ' metadata: {name: web}',
        '-spec: {protocol: http1}',
        '+spec: {protocol: http2}',
        '--- /dev/null',
        '+++ Service/new',
        '@@ -0,0 +1,4 @@',
        '+apiVersion: cellwall/v1',
        '+kind: Service',
        '+metadata: {name: new}',
        '+spec: {protocol: http1}',
        '',
      ].join('\n'),
    );
  });

  it('deletes what is there, unless something needs it', async () => {
    await cellwall(['apply', '-f', '-'], allow);
    const needed = await cellwall(['delete', 'service/web']);
    expect(needed).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/no service "web"[\s\S]*hint: delete what refers to it/),
    });
    const done = await cellwall(['delete', 'policy/api', 'service/web']);
    expect(done.code).toBe(0);
    expect(done.stdout).toBe('deleted 2 (revision 3)\n  AuthorizationPolicy/api\n  Service/web\n');
    expect(await cellwall(['delete', 'service/web'])).toMatchObject({ code: 1 });
  });
});

describe('explain', () => {
  it('says what decides and where, and what would allow it', async () => {
    await cellwall(['apply', '-f', '-'], `${base}---\n${allow}`);
    const yes = await cellwall(['explain', 'web', 'api', '--method', 'get', '--path', '/x']);
    expect(yes).toMatchObject({ code: 0, stderr: '' });
    expect(yes.stdout).toMatch(/^ALLOWED: allow rule api\/0 matches\n/);
    expect(yes.stdout).toMatch(/decided by +AuthorizationPolicy\/api, .+:\d+:\d+/);
    const no = await cellwall(['explain', 'spiffe://td1/job', 'api', '-o', 'json', '--expect', 'allowed']);
    expect(no.code).toBe(3);
    expect(JSON.parse(no.stdout)).toMatchObject({
      decision: 'denied',
      remedy: { policy: expect.stringContaining('spiffe://td1/job') },
    });
    expect(await cellwall(['explain', 'nobody', 'api'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/no service "nobody"/),
    });
    expect((await cellwall(['explain', 'wbe', 'api'])).stderr).toContain('did you mean web?');
  });

  it('needs no server with --offline', async () => {
    const path = file('all.yaml', `${base}---\n${allow}`);
    const { code, stdout } = await runCli(['explain', 'anonymous', 'api', '--offline', '-f', path, '-o', 'yaml']);
    expect(code).toBe(0);
    expect(parse(stdout)).toMatchObject({ decision: 'denied', stage: 'handshake', caller: 'anonymous (plaintext)' });
    const broken = file('broken.yaml', 'kind: Nothing\n');
    expect(await runCli(['explain', 'web', 'api', '-f', broken])).toMatchObject({ code: 3, stdout: '' });
  });
});

describe('the way to the control plane', () => {
  it('names what is wrong with the address, and where a wrong token came from', async () => {
    expect(await cellwall(['status', '--admin', 'foo'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^error: not host:port: "foo"\n {2}hint: --admin/),
    });
    const wrong = file('wrong.token', 'x'.repeat(43));
    expect((await cellwall(['status', '--admin-token-file', wrong])).stderr).toContain(
      `does not take the token of ${wrong} (--admin-token-file)`,
    );
    const env = { CELLWALL_ADMIN: `127.0.0.1:${admin.address.port}`, CELLWALL_ADMIN_TOKEN: 'x'.repeat(43) };
    expect((await runCli(['status'], { env })).stderr).toContain('does not take the token of CELLWALL_ADMIN_TOKEN\n');
  });
});

describe('--dry-run', () => {
  it('exits with 4 where the gate would refuse, so that a script sees it', async () => {
    await cellwall(['apply', '-f', '-'], base);
    const reason = { kind: 'caller', service: 'api', who: 'anonymous', why: 'plaintext' } as const;
    const cutOver = { services: () => ['api' as ServiceKey], judge: async () => [reason] };
    await withAdmin({ cutOver }, async (other) => {
      const strict = yaml(serviceText('api', 'tcp'));
      const { code, stdout } = await cellwall(['apply', '-f', '-', '--dry-run'], strict, other);
      expect({ code, stdout }).toMatchObject({ code: 4, stdout: expect.stringContaining('the gate would refuse it') });
      expect((await cellwall(['apply', '-f', '-', '--dry-run', '-o', 'json'], strict, other)).code).toBe(4);
      expect((await cellwall(['apply', '-f', '-'], strict, other)).code).toBe(1);
      expect((await cellwall(['apply', '-f', '-', '--force'], strict, other)).code).toBe(0);
      expect((await cellwall(['rollback', '--dry-run'], '', other)).code).toBe(4);
    });
  });
});

describe('status', () => {
  it('says at its head that documents have problems, and is fine all the same', async () => {
    const source = { file: 'mesh.d/api.yaml', line: 3, column: 1 };
    const problem = { severity: 'error', code: 'yaml', message: 'not YAML', source } as const;
    const status = () => ({ version: '9', trustDomain: 'td1', problems: [problem], startedAt: admin.clock.now() });
    await withAdmin({ status }, async (other) => {
      const { code, stdout, stderr } = await cellwall(['status', '-o', 'wide'], '', other);
      expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringMatching(/^documents +1 error /m) });
      expect(stderr).toContain('mesh.d/api.yaml:3:1: error: not YAML');
      const json = await cellwall(['status', '-o', 'json'], '', other);
      expect(JSON.parse(json.stdout)).toMatchObject({ status: { problems: [{ code: 'yaml' }] } });
    });
  });

  it('says why nobody is sent to a proxy', async () => {
    const id = parseSpiffeId('spiffe://td1/service/web');
    if (id === undefined) throw new Error('not a SPIFFE ID');
    const proxy = { spiffeId: id, state: 'connected', since: admin.clock.now(), ready: false, types: [] } as const;
    const notRegistered = '10.0.0.5:8443 is not the address it connects from, 127.0.0.1';
    const proxies = () => [
      { ...proxy, node: `${id}~a`, notRegistered },
      { ...proxy, node: `${id}~b` },
    ];
    await withAdmin({ proxies }, async (other) => {
      const { stdout } = await cellwall(['status', '-o', 'wide'], '', other);
      expect(stdout).toMatch(/web~a .* - \(10\.0\.0\.5:8443 is not the address it connects from, 127\.0\.0\.1\) /);
      expect(stdout).toMatch(/web~b .* - \(only calls\) /);
    });
  });

  const spiffeId = parseSpiffeId('spiffe://td1/service/web');

  it('shows whose certificate has ended, and since when, whether it is connected, held or gone', async () => {
    if (spiffeId === undefined) throw new Error('not a SPIFFE ID');
    const now = admin.clock.now();
    const proxy = { spiffeId, since: now - 600_000, ready: true, types: [] } as const;
    const pushed = (name: string, endedMs: number) => ({
      ...({ purpose: 'svid-pushed', spiffeId, serial: name, notBefore: 0, requester: `${spiffeId}~${name}` } as const),
      notAfter: now - endedMs,
    });
    const given: Partial<AdminDeps> = {
      proxies: () => [
        { ...proxy, node: `${spiffeId}~a`, state: 'connected', certificate: { serial: 'a', notAfter: now - 180_000 } },
        { ...proxy, node: `${spiffeId}~b`, state: 'held' },
        { ...proxy, node: `${spiffeId}~c`, state: 'gone' },
        { ...proxy, node: `${spiffeId}~d`, state: 'connected', certificate: { serial: 'd', notAfter: now + 180_000 } },
        { ...proxy, node: `${spiffeId}~e`, state: 'held' },
      ],
      certificates: () => [pushed('a', 0), pushed('b', 240_000), pushed('b', 900_000), pushed('c', 300_000)],
    };
    await withAdmin(given, async (other) => {
      const { stdout } = await cellwall(['status', '-o', 'wide'], '', other);
      expect(stdout).toMatch(/web~a +connected .* ENDED 3m ago$/m);
      expect(stdout).toMatch(/web~b +held .* ENDED 4m ago$/m);
      expect(stdout).toMatch(/web~c +gone .* ENDED 5m ago$/m);
      expect(stdout).toMatch(/web~d +connected .* ends in 3m$/m);
      expect(stdout).toMatch(/web~e +held .* -$/m);
      expect(stdout).toMatch(/web~a +without a valid certificate since 3m ago: calls from and to it fail/);
      expect(stdout).toMatch(/web~b +without a valid certificate since 4m ago/);
      expect(stdout).toMatch(/web~c +missing since 10m ago/);
      expect(stdout).not.toMatch(/web~[de] +without/);
    });
  });

  it('tells the kinds of anonymous callers apart, and shows rejections', async () => {
    if (spiffeId === undefined) throw new Error('not a SPIFFE ID');
    const call = { service: 'api', decision: 'allowed', lastSeen: admin.clock.now() } as const;
    const typeUrl = 'type.googleapis.com/envoy.config.listener.v3.Listener';
    const given: Partial<AdminDeps> = {
      traffic: () => [
        { ...call, caller: 'mtls', principal: spiffeId, count: 7 },
        { ...call, caller: 'legacy', count: 3 },
        { ...call, caller: 'one-way-tls', count: 2 },
        { ...call, caller: 'plaintext', count: 1 },
        { ...call, caller: 'plaintext', decision: 'failed', count: 4 },
        { ...call, caller: 'plaintext', decision: 'denied', count: 5 },
      ],
      proxies: () => [
        {
          node: 'spiffe://td1/service/web~a',
          spiffeId,
          service: 'web' as ServiceKey,
          state: 'connected',
          since: admin.clock.now() - 120_000,
          inbound: { address: '127.0.0.1', port: 5 },
          ready: true,
          types: [
            {
              typeUrl,
              sentRevision: 4,
              ackedRevision: 3,
              nack: { revision: 4, message: 'bad\u001b[31m\nlistener', resources: [] },
            },
            { typeUrl: 'x.Cluster', sentRevision: 4, ackedRevision: 4 },
          ],
          certificate: { serial: 'ab', notAfter: admin.clock.now() + 3_600_000 },
        },
      ],
    };
    await withAdmin(given, async (other) => {
      const { code, stdout } = await cellwall(['status', '-o', 'wide'], '', other);
      expect(code).toBe(0);
      const rows = stdout.split('\n').map((line) => line.split(/ {3,}/));
      expect(rows).toContainEqual([
        'td1/service/web~a',
        'connected',
        '2m ago',
        'yes',
        '127.0.0.1:5',
        '3: Listener rejected',
        'yes',
        'ends in 1h',
      ]);
      expect(rows).toContainEqual(['td1/service/web~a', 'Listener', '4', 'bad\\u001b[31m\\nlistener']);
      expect(rows.filter(([service]) => service === 'api').map((row) => row.slice(1, 6))).toEqual([
        ['anonymous, plaintext', '-', '1', '4', '5'],
        ['anonymous, TLS without a certificate', '-', '2', '0', '0'],
        ['anonymous, legacy certificate', '-', '3', '0', '0'],
        ['mTLS', spiffeId, '7', '0', '0'],
      ]);
      expect(stdout).not.toContain('\u001b');
      const json = await cellwall(['-o', 'json', 'status'], '', other);
      expect(JSON.parse(json.stdout)).toMatchObject({
        status: { version: '9.9.9' },
        proxies: { length: 1 },
        traffic: { length: 6 },
      });
    });
  });
});

describe('what a proxy accepted', () => {
  const rowOf = async (types: ReturnType<AdminDeps['proxies']>[number]['types']): Promise<string | undefined> => {
    const spiffeId = parseSpiffeId('spiffe://td1/service/web');
    if (spiffeId === undefined) throw new Error('not a SPIFFE ID');
    const proxies: AdminDeps['proxies'] = () => [
      { node: `${spiffeId}~a`, spiffeId, state: 'connected', since: admin.clock.now(), ready: true, types },
    ];
    let stdout = '';
    await withAdmin({ proxies }, async (other) => {
      ({ stdout } = await cellwall(['status', '-o', 'wide'], '', other));
    });
    return stdout
      .split('\n')
      .find((line) => line.startsWith('td1/service/web~a'))
      ?.split(/ {3,}/)[5];
  };

  it('is current when nothing is unanswered: nothing of its own changed since, or it had all before a reconnection', async () => {
    expect(await rowOf([{ typeUrl: 'x.Cluster', sentRevision: 1, ackedRevision: 1 }])).toBe('current');
    expect(await rowOf([{ typeUrl: 'x.Cluster' }])).toBe('current');
    expect(await rowOf([])).toBe('current');
  });

  it('tells what it has not answered', async () => {
    const types = [
      { typeUrl: 'x.Cluster', sentRevision: 2, ackedRevision: 2 },
      { typeUrl: 'x.Listener', sentRevision: 5, ackedRevision: 3 },
    ];
    expect(await rowOf(types)).toBe('3: Listener pending');
    expect(await rowOf([{ typeUrl: 'x.Cluster', sentRevision: 1 }])).toBe('nothing: Cluster pending');
  });
});

describe('identity', () => {
  it('prints only the token on stdout', async () => {
    await cellwall(['apply', '-f', '-'], base);
    const { stdout, stderr } = await cellwall(['token', 'create', '--service', 'web', '--ttl', '5m']);
    expect(stdout).toBe('token-for-spiffe://td1/service/web\n');
    expect(stderr).toBe('for spiffe://td1/service/web, expires in 5m\n');
    expect(await cellwall(['token', 'create', '--service', 'weh'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/no service "weh"/),
    });
  });

  it('says why somebody gets no SVID, with exit 3, and how many in status', async () => {
    const now = admin.clock.now();
    const row = {
      ...({ by: 'attest', address: '10.0.0.7', code: 'permission_denied', attestor: 'kubernetes' } as const),
      ...{ nodeKey: 'ab'.repeat(32), reason: 'no Workload\u001b[31m', why: ['namespace must be "a", and is "b"'] },
      ...{ count: 3, firstAt: now - 60_000, lastAt: now - 5000 },
    };
    await withAdmin({ refusedSvids: () => [row] }, async (other) => {
      const { code, stdout } = await cellwall(['doctor', 'svid'], '', other);
      expect(code).toBe(3);
      expect(stdout).toMatch(
        /^5s ago +3 +10\.0\.0\.7 +kubernetes +node key abababababababab +no Workload\\u001b\[31m$/m,
      );
      expect(stdout).toMatch(/^ +namespace must be "a", and is "b"$/m);
      expect((await cellwall(['doctor', 'svid', '--about', 'kubernetes'], '', other)).code).toBe(3);
      expect(await cellwall(['doctor', 'svid', '--about', 'aws'], '', other)).toMatchObject({ code: 0 });
      expect((await cellwall(['status', '-o', 'wide'], '', other)).stdout).toMatch(/^no SVID +for 1 who asked/m);
    });
    expect(await cellwall(['doctor', 'svid'], '')).toMatchObject({ code: 0 });
  });

  it('lists JWT-SVIDs, the newest first, without those that have ended', async () => {
    const now = admin.clock.now();
    const token = (serial: string, ageMs: number) => ({
      ...{ serial, key: 'k', spiffeId: 'spiffe://td1/x', audience: ['db', 'b\u0007ad'], nodeKey: 'ab'.repeat(32) },
      ...{ address: '10.0.0.7', issuedAt: now - ageMs, expiresAt: now - ageMs + 300_000 },
    });
    const other = { ...token('d', 0), spiffeId: 'spiffe://td1/y' };
    const jwtSvids = () => [token('a', 120_000), token('b', 60_000), token('c', 400_000), other];
    await withAdmin({ jwtSvids }, async (served) => {
      const shown = async (...flags: string[]) =>
        (await cellwall(['certs', 'jwt', ...flags], '', served)).stdout.trimEnd().split('\n').slice(1);
      const own = await shown('--identity', 'spiffe://td1/x');
      expect(own).toHaveLength(2);
      expect(own[0]).toMatch(
        /^spiffe:\/\/td1\/x +db, b.+ad +b +2025-12-31T23:59:00Z +2026-01-01T00:04:00Z \(in 4m\) +abababababab +10\.0\.0\.7$/,
      );
      expect(own[0]).not.toContain('\u0007');
      expect(await shown()).toHaveLength(3);
      expect(await shown('--ended')).toHaveLength(4);
    });
  });

  it('lists and rotates certificates', async () => {
    const now = admin.clock.now();
    const certificate = {
      purpose: 'svid-pushed' as const,
      serial: 'abc',
      spiffeId: 'spiffe://td1/x',
      notBefore: now,
      notAfter: now + 60_000,
      node: 'spiffe://td1/x~i1',
      ...({ how: 'node-key', attestor: 'join-token' } as const),
    };
    const ended = { ...certificate, serial: 'abd', notAfter: now - 1000 };
    await withAdmin({ certificates: () => [certificate, ended], rotate: () => ({ rotated: 4 }) }, async (other) => {
      const { stdout } = await cellwall(['certs', 'list'], '', other);
      expect(stdout.split('\n')[1]).toMatch(
        /^svid-pushed +spiffe:\/\/td1\/x +abc +2026-01-01T00:00:00Z +2026-01-01T00:01:00Z \(in 1m\) +i1 +join-token, node-key$/,
      );
      expect((await cellwall(['certs', '--expiring', '30s'], '', other)).stdout.split('\n')).toHaveLength(2);
      expect((await cellwall(['certs', '--expiring', '1m'], '', other)).stdout).toContain(' abc ');
      expect((await cellwall(['certs', '--identity', 'spiffe://td1/x', '--ended'], '', other)).stdout).toContain(
        ' abd ',
      );
      expect((await cellwall(['certs', '--expiring', 'soon'], '', other)).code).toBe(2);
      expect(JSON.parse((await cellwall(['certs', 'list', '-o', 'json'], '', other)).stdout)).toEqual([certificate]);
      expect((await cellwall(['certs', '--data', folder], '', other)).stdout).toBe(stdout);
      expect((await cellwall(['certs', 'rotate'], '', other)).stdout).toBe('rotated 4\n');
    });
  });

  it('makes a token by itself where the admin token can be read', async () => {
    await cellwall(['apply', '-f', '-'], base);
    const data = join(folder, 'data');
    const token = createAdminToken(data);
    await withAdmin({ token }, async (other) => {
      const made: (string | undefined)[] = [];
      const env = { CELLWALL_ADMIN: `127.0.0.1:${other.address.port}`, CELLWALL_DATA: data };
      const result = await runCli(['svid', 'fetch', '--service', 'web', '--dir', folder], {
        env,
        run: {
          fetchSvid: async (options) => {
            made.push((await options.token(true))?.reveal());
            return { spiffeId: 'spiffe://td1/service/web', notAfter: 0, files: ['svid.pem'] };
          },
        },
      });
      expect(result).toMatchObject({
        code: 0,
        stderr: expect.stringMatching(/created one for spiffe:\/\/td1\/service\/web/),
      });
      expect(made).toEqual(['token-for-spiffe://td1/service/web']);
    });
  });
});

describe('the connection', () => {
  it('says what to do when nothing answers', async () => {
    const env = { CELLWALL_ADMIN: '127.0.0.1:1', CELLWALL_ADMIN_TOKEN: 'x' };
    const { code, stderr } = await runCli(['status'], { env });
    expect(code).toBe(1);
    expect(stderr).toMatch(/cannot reach the control plane at 127\.0\.0\.1:1 \(ECONNREFUSED\)\n {2}hint: start it/);
  });

  it('says what to do with a wrong token, and without one', async () => {
    const env = { CELLWALL_ADMIN: `127.0.0.1:${admin.address.port}` };
    const wrong = await runCli(['status', '--admin-token', 'wrong'], { env });
    expect(wrong).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/does not take the token of --admin-token$/m),
    });
    const none = await runCli(['status', '--data', folder], { env });
    expect(none).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/no admin token: .+admin\.token does not exist/),
    });
  });

  it('refuses a token file that others can read', async () => {
    const data = join(folder, 'data');
    createAdminToken(data);
    chmodSync(join(data, 'admin.token'), 0o644);
    const env = { CELLWALL_ADMIN: `127.0.0.1:${admin.address.port}`, CELLWALL_DATA: data };
    expect(await runCli(['status'], { env })).toMatchObject({ code: 1, stderr: expect.stringMatching(/chmod 600/) });
  });

  it('never sends the token in the clear to another host', async () => {
    const result = await runCli(['status', '--admin', 'http://example.org:18080', '--admin-token', 'x']);
    expect(result).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/not sent to example\.org:18080 without TLS/),
    });
  });
});
