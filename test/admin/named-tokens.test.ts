// Named tokens: made, listed and revoked by command; what is kept of them; what the right to raw resources holds back; who and why in
// history and audit; failed tries, counted and recorded within bounds.
import { Agent, request } from 'node:http';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createNamedTokens } from '../../src/admin/named-tokens.ts';
import type { AuditEvent } from '../../src/audit/audit-event.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import type { Json, Table } from '../../src/lib/table.ts';
import { nothingStored } from '../../src/store/store.ts';
import { type AdminHarness, adminToken, startAdmin } from '../support/admin-harness.ts';
import { type CliResult, runCli } from '../support/cli-harness.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createMemoryTable } from '../support/memory-table.ts';
import { provenRequest } from '../support/proven-request.ts';
import { meshText, serviceText, yaml } from '../support/resolve-text.ts';

const base = yaml(meshText(), serviceText('web'), serviceText('api'));
const raw = (name: string): string =>
  yaml(`kind: EnvoyResource
metadata: {name: ${name}}
spec:
  selector: {services: [web]}
  patch:
    operation: merge
    typeUrl: type.googleapis.com/envoy.config.cluster.v3.Cluster
    name: inbound
    value: {connect_timeout: 3s}`);

let admin: AdminHarness;

beforeEach(async () => {
  admin = await startAdmin();
});

afterEach(() => admin.close());

function cellwall(args: readonly string[], { token = adminToken, stdin = '' } = {}): Promise<CliResult> {
  const env = { CELLWALL_ADMIN: `127.0.0.1:${admin.address.port}`, CELLWALL_ADMIN_TOKEN: token };
  return runCli(args, { env, stdin, clock: admin.clock });
}

async function tokenOf(name: string, ...flags: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await cellwall(['admin-token', 'create', name, ...flags]);
  expect(code, stderr).toBe(0);
  return stdout.trim();
}

async function events(): Promise<readonly AuditEvent[]> {
  const { records } = await admin.deps.audit.read(1000, ({ kind }) => kind !== 'admin-signed-in');
  return records.map(({ event }) => event);
}

describe('a named token', () => {
  it('is made, listed and revoked by command, and says what to do when it is no more good', async () => {
    const token = await tokenOf('ann', '--role', 'viewer', '--reason', 'on call');
    expect((await cellwall(['status'], { token })).code).toBe(0);
    const list = await cellwall(['admin-token']);
    expect(list.stdout).toMatch(/^NAME +ROLE +RAW +EXPIRES +MADE +BY\nann +viewer +no .* operator\n$/);
    expect((await cellwall(['admin-token', 'create', 'ann', '--role', 'admin'])).stderr).toContain(
      'there already is a token',
    );
    expect(await cellwall(['admin-token', 'revoke', 'ann', '--reason', 'left'])).toMatchObject({
      code: 0,
      stdout: 'revoked ann\n',
    });
    const refused = await cellwall(['status'], { token });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('does not take the token of CELLWALL_ADMIN_TOKEN');
    expect(refused.stderr).toContain('the token ann was revoked, has expired');
    expect((await cellwall(['admin-token', 'revoke', 'ann'])).stderr).toContain('no token "ann"');
    // The name is free again; the old token stays refused.
    const again = await tokenOf('ann', '--role', 'editor');
    expect((await cellwall(['status'], { token: again })).code).toBe(0);
    expect((await cellwall(['status'], { token })).code).toBe(1);
    expect(await events()).toMatchObject([
      { kind: 'admin-token-created', author: 'operator', name: 'ann', role: 'viewer', reason: 'on call' },
      { kind: 'admin-token-revoked', author: 'operator', name: 'ann', reason: 'left' },
      { kind: 'admin-refused', failures: 1 },
      { kind: 'admin-token-created', name: 'ann', role: 'editor' },
      { kind: 'admin-refused', named: 'ann' },
    ]);
  });

  it.each(['operator', 'outside', 'Ann', 'a.b', '-a', 'x'.repeat(41), ''])('is never called %j', async (name) => {
    const reply = await admin.call('/v1/admin-tokens', { body: { name, role: 'viewer' } });
    expect(reply.status).toBe(400);
  });

  it.each(['0s', '367d', 'ever'])('does not last %s', async (ttl) => {
    expect((await admin.call('/v1/admin-tokens', { body: { name: 'ann', role: 'viewer', ttl } })).status).toBe(400);
  });

  it('ends by itself', async () => {
    const token = await tokenOf('ann', '--role', 'viewer', '--ttl', '1h');
    admin.clock.advance(3_599_999);
    expect((await admin.call('/v1/status', { token })).status).toBe(200);
    admin.clock.advance(1);
    expect((await admin.call('/v1/status', { token })).status).toBe(401);
    expect((await cellwall(['admin-token', '-o', 'json'])).stdout.trim()).toBe('[]');
  });

  it('opens nothing more on a connection that was open when it was revoked', async () => {
    const token = await tokenOf('ann', '--role', 'viewer');
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const status = (): Promise<number> =>
      new Promise((resolve, reject) => {
        const headers = { authorization: `Bearer ${token}` };
        request({ ...admin.address, path: '/v1/status', headers, agent }, (answer) => {
          answer.resume();
          answer.on('end', () => resolve(answer.statusCode ?? 0));
        })
          .on('error', reject)
          .end();
      });
    expect(await status()).toBe(200);
    await admin.deps.namedTokens.revoke('ann');
    expect(await status()).toBe(401);
    agent.destroy();
  });

  it('of an admin gives no right that he does not have', async () => {
    const token = await tokenOf('ann', '--role', 'admin');
    const asked = ['admin-token', 'create', 'bob', '--role', 'viewer', '--raw-resources'];
    expect((await cellwall(asked, { token })).stderr).toContain('ann may not give the right to raw resources');
    expect((await cellwall(asked)).code).toBe(0);
    expect((await cellwall(['admin-token', '-o', 'json'])).stdout).toContain('"rawResources": true');
  });
});

describe('what is kept of a token', () => {
  const clock = createFakeClock();
  const secret = new Redacted('of the data folder');
  const open = (table: Table, shared = false, key = secret) =>
    createNamedTokens({ table, secret: key, shared, clock, log: silentLog });
  const ann = { name: 'ann', role: 'admin', rawResources: false, author: 'test', ttlMs: 1e9 } as const;

  it('is no token and no key, and good only with the data folder, under its own name', async () => {
    const entries = new Map<string, Json>();
    const table = createMemoryTable(entries);
    const tokens = await open(table);
    const { token } = await tokens.create(ann);
    const key = tokens.find('ann')?.key ?? Buffer.alloc(0);
    expect(key).toHaveLength(32);
    const kept = JSON.stringify([...entries]);
    for (const form of ['hex', 'base64', 'base64url'] as const) expect(kept).not.toContain(key.toString(form));
    expect(kept).not.toContain(token.reveal().split('.')[2]);
    expect(inspect(tokens.find('ann')?.of)).not.toContain(token.reveal());
    expect((await open(table)).find('ann')?.key.equals(key)).toBe(true);
    expect((await open(table, false, new Redacted('of another'))).find('ann')).toBeUndefined();
    const stored = entries.get('ann');
    if (stored !== undefined) entries.set('bob', stored);
    expect((await open(table)).find('bob')).toBeUndefined();
    await tokens.revoke('ann');
    expect((await open(table)).find('ann')).toBeUndefined();
  });

  it('is looked up again where others write, and nobody is let in while that cannot be', async () => {
    const there = createMemoryTable();
    let away = false;
    const table: Table = {
      ...there,
      list: () => (away ? Promise.reject(new Error('away')) : there.list()),
    };
    const [one, other] = [await open(table, true), await open(table, true)];
    await one.create(ann);
    clock.advance(1000);
    await other.refresh();
    expect(other.find('ann')).toBeDefined();
    await one.revoke('ann');
    clock.advance(1000);
    await other.refresh();
    expect(other.find('ann')).toBeUndefined();
    away = true;
    clock.advance(1000);
    await expect(other.refresh()).rejects.toThrow('away');
    const harness = await startAdmin({ namedTokens: one });
    try {
      const { token } = await (async () => {
        away = false;
        const made = await one.create(ann);
        away = true;
        clock.advance(1000);
        return made;
      })();
      expect((await harness.call('/v1/status', { token: token.reveal() })).status).toBe(503);
      expect((await harness.call('/v1/status')).status).toBe(200);
    } finally {
      await harness.close();
    }
  });
});

describe('raw resources', () => {
  it('are changed by those only who have that right, whatever their role', async () => {
    await admin.call('/v1/apply', { body: { text: base } });
    const [ann, bob] = [
      await tokenOf('ann', '--role', 'admin'),
      await tokenOf('bob', '--role', 'editor', '--raw-resources'),
    ];
    const status = async (token: string, path: string, body: object): Promise<number> =>
      (await admin.call(path, { token, body })).status;
    const put = { changes: [{ op: 'put', key: 'EnvoyResource/slow', text: raw('slow') }] };
    for (const body of [{ text: raw('slow') }, put, { text: raw('slow'), dryRun: true }]) {
      expect(await status(ann, '/v1/apply', body)).toBe(403);
    }
    const denied = {
      kind: 'admin-denied',
      author: 'ann',
      route: 'POST /v1/apply',
      needs: 'raw-resources',
      failures: 1,
    };
    expect((await events()).at(-1)).toMatchObject(denied);
    // A text under another key than its own is no way around it.
    const disguised = { changes: [{ op: 'put', key: 'Service/slow', text: raw('slow') }] };
    expect(await status(ann, '/v1/apply', disguised)).toBe(422);
    expect(await status(bob, '/v1/apply', { text: raw('slow') })).toBe(200);
    // Unchanged, beside what changes.
    expect(await status(ann, '/v1/apply', { text: `${raw('slow')}---\n${yaml(serviceText('new'))}` })).toBe(200);
    const gone = { changes: [{ op: 'delete', key: 'EnvoyResource/slow' }] };
    expect(await status(ann, '/v1/apply', gone)).toBe(403);
    expect(await status(ann, '/v1/rollback', { to: 1 })).toBe(403);
    expect(await status(ann, '/v1/rollback', {})).toBe(200);
    expect(await status(bob, '/v1/apply', gone)).toBe(200);
  });

  it('are not put back by somebody who read them before they changed', async () => {
    await admin.call('/v1/apply', { body: { text: `${base}---\n${raw('slow')}` } });
    const token = await tokenOf('ann', '--role', 'editor');
    const { revision } = admin.deps.store.state() ?? nothingStored;
    // What the control plane looks at is one behind what is in force when it applies.
    const stale = admin.deps.store.state() ?? nothingStored;
    const other = await startAdmin({
      store: {
        ...admin.deps.store,
        state: () => stale,
        plan: (changes) => ({ ...admin.deps.store.plan(changes), base: stale }),
      },
      namedTokens: admin.deps.namedTokens,
    });
    try {
      await admin.call('/v1/apply', { body: { text: raw('slow').replace('3s', '4s') } });
      const text = `${raw('slow')}---\n${yaml(serviceText('new'))}`;
      for (const body of [{ text }, { text, expectedRevision: revision + 1 }]) {
        expect((await other.call('/v1/apply', { token, body })).status).toBe(409);
      }
    } finally {
      await other.close();
    }
  });
});

describe('author and reason', () => {
  it('stand in history and audit, of every change', async () => {
    await cellwall(['apply', '-f', '-'], { stdin: base });
    const token = await tokenOf('ann', '--role', 'admin');
    const as = (args: readonly string[], stdin = '') =>
      cellwall([...args, '--reason', `why ${args[0]}`], { token, stdin });
    expect((await as(['apply', '-f', '-'], yaml(serviceText('new')))).code).toBe(0);
    expect((await as(['delete', 'service/new'])).code).toBe(0);
    expect((await as(['rollback'])).code).toBe(0);
    for (const args of [
      ['token', 'create', '--service', 'web'],
      ['certs', 'rotate'],
      ['node', 'evict', '0123456789ab'],
    ]) {
      expect((await as(args)).code).toBe(0);
    }
    const history = await cellwall(['history', '-o', 'json']);
    expect(JSON.parse(history.stdout).revisions).toMatchObject([
      { author: 'ann', kind: 'rollback', reason: 'why rollback' },
      { author: 'ann', reason: 'why delete' },
      { author: 'ann', reason: 'why apply' },
      { author: 'operator' },
    ]);
    expect((await cellwall(['history'])).stdout).toMatch(/^REVISION .* REASON\n4 .* ann .* why rollback\n/);
    expect((await events()).slice(2)).toMatchObject([
      { kind: 'documents-applied', author: 'ann', reason: 'why apply' },
      { kind: 'documents-applied', author: 'ann', reason: 'why delete' },
      { kind: 'documents-applied', author: 'ann', reason: 'why rollback' },
      { kind: 'rolled-back', author: 'ann', reason: 'why rollback' },
      { kind: 'token-created', author: 'ann', reason: 'why token' },
      { kind: 'certificates-rotated', author: 'ann', reason: 'why certs', rotated: 0 },
    ]);
  });

  it('is 1 to 500 characters, and shown without what a terminal would take for more', async () => {
    expect((await cellwall(['rollback', '--reason', ''])).code).toBe(2);
    expect((await cellwall(['rollback', '--reason', 'x'.repeat(501)])).code).toBe(2);
    await cellwall(['apply', '-f', '-', '--reason', 'red \u001b[31m\nline'], { stdin: base });
    const { stdout } = await cellwall(['history']);
    expect(stdout).toContain('red \\u001b[31m\\nline');
  });
});

describe('failed tries', () => {
  it('are counted by address and by name, recorded twice a minute at most, and shut nobody out', async () => {
    const token = await tokenOf('ann', '--role', 'viewer');
    const wrong = `${token.slice(0, -1)}${token.endsWith('x') ? 'y' : 'x'}`;
    const statuses: number[] = [];
    for (let attempt = 0; attempt < 14; attempt++)
      statuses.push((await admin.call('/v1/status', { token: wrong })).status);
    expect(statuses).toEqual([...Array(10).fill(401), ...Array(4).fill(429)]);
    expect((await admin.call('/v1/status', { token })).status).toBe(200);
    expect((await provenRequest(admin.address.port, token, ['GET', '/v1/status'])).status).toBe(200);
    expect((await events()).slice(1)).toEqual([
      { kind: 'admin-refused', address: '127.0.0.1', named: 'ann', failures: 1 },
      { kind: 'admin-refused', address: '127.0.0.1', named: 'ann', failures: 10 },
    ]);
    expect(admin.logged.join('\n')).not.toContain(token.split('.')[2]);
  });

  it('to prove a key in a handshake count likewise, also of a name that nobody has', async () => {
    const token = await tokenOf('ann', '--role', 'viewer');
    const refused = { code: 'unauthenticated' };
    const prove = (text: string) => provenRequest(admin.address.port, text, ['GET', '/v1/status']);
    await expect(prove(token.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')))).rejects.toMatchObject(refused);
    await expect(prove(token.replace('.ann.', '.bob.'))).rejects.toMatchObject(refused);
    await expect
      .poll(async () => (await events()).slice(1))
      .toEqual([{ kind: 'admin-refused', address: '127.0.0.1', named: 'ann', failures: 1 }]);
    expect(admin.logged.filter((line) => line.startsWith('admin request without a valid token'))).toHaveLength(2);
  });

  it('beyond a role are recorded with who and what', async () => {
    const token = await tokenOf('ann', '--role', 'viewer');
    const denied = await cellwall(['apply', '-f', '-'], { token, stdin: base });
    expect(denied).toMatchObject({ code: 1 });
    expect(denied.stderr).toContain('ann is a viewer: POST /v1/apply needs the role editor');
    for (let attempt = 0; attempt < 12; attempt++) await admin.call('/v1/apply', { token, body: { text: base } });
    expect((await admin.call('/v1/apply', { token, body: { text: base } })).status).toBe(429);
    expect((await admin.call('/v1/status', { token })).status).toBe(200);
    const what = {
      kind: 'admin-denied',
      author: 'ann',
      address: '127.0.0.1',
      route: 'POST /v1/apply',
      needs: 'editor',
    };
    expect((await events()).slice(1)).toEqual([
      { ...what, failures: 1 },
      { ...what, failures: 10 },
    ]);
  });
});
