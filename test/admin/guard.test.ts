// Who is let in: tokens, failures, Host and Origin, sizes, connections, poisoned keys. Over real sockets.
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAdminApi } from '../../src/admin/admin-api.ts';
import { accessTable } from '../support/access-table.ts';
import { type AdminHarness, adminToken, startAdmin } from '../support/admin-harness.ts';

let admin: AdminHarness;

beforeEach(async () => {
  admin = await startAdmin();
});

afterEach(async () => {
  await admin.close();
});

/** That the table closes to whoever has no credential; test/admin/access.test.ts holds it to what there is. */
const routes = accessTable
  .filter(({ allowed }) => !allowed.none)
  .map(({ method, url }) => [method, url.replace('*', 'Mesh/mesh')] as const);

describe('the token', () => {
  it.each(routes)('is needed for %s %s', async (method, path) => {
    const reply = await admin.call(path, { method, anonymous: true });
    expect(reply.status).toBe(401);
    expect(reply.headers['www-authenticate']).toContain('Bearer');
    expect(reply.json()).toMatchObject({ code: 'unauthenticated', hint: expect.stringContaining('admin.token') });
  });

  it('is not needed for probes, nor for metrics on this host', async () => {
    expect((await admin.call('/healthz', { anonymous: true })).json()).toEqual({ status: 'ok' });
    expect((await admin.call('/readyz', { anonymous: true })).json()).toEqual({ ready: true, reasons: [] });
    expect(await admin.call('/metrics', { anonymous: true })).toMatchObject({ status: 200, text: '# metrics\n' });
  });

  it.each([
    ['another token', `Bearer ${'x'.repeat(adminToken.length)}`],
    ['a prefix of it', `Bearer ${adminToken.slice(0, -1)}`],
    ['it and more', `Bearer ${adminToken}x`],
    ['another scheme', `Basic ${adminToken}`],
    ['an empty one', 'Bearer '],
    ['a huge one', `Bearer ${'x'.repeat(4000)}`],
  ])('is refused if it is %s', async (_name, authorization) => {
    expect((await admin.call('/v1/status', { anonymous: true, headers: { authorization } })).status).toBe(401);
  });

  it('is limited in failures and logged, and a right one still passes', async () => {
    const statuses: number[] = [];
    for (let attempt = 0; attempt < 14; attempt++) {
      statuses.push((await admin.call('/v1/status', { anonymous: true })).status);
    }
    expect(statuses.filter((status) => status === 401)).toHaveLength(10);
    expect(statuses.at(-1)).toBe(429);
    expect(admin.logged.filter((line) => line.startsWith('admin request without a valid token'))).toHaveLength(10);
    expect((await admin.call('/v1/status')).status).toBe(200);
    admin.clock.advance(60_000);
    expect((await admin.call('/v1/status', { anonymous: true })).status).toBe(401);
  });

  it('never shows in the log', async () => {
    await admin.call('/v1/status', { anonymous: true, headers: { authorization: 'Bearer secret-guess-1' } });
    await admin.call('/v1/tokens', { body: { spiffeId: 'spiffe://td1/service/a' } });
    expect(admin.logged.join('\n')).not.toMatch(/secret-guess-1|token-for-/);
    expect(admin.logged.join('\n')).not.toContain(adminToken);
  });
});

describe('browsers', () => {
  it.each(['evil.example', 'evil.example:18080', '127.0.0.1.evil.example', '[::2]', 'a b', '10.0.0.1'])(
    'are refused by Host %s, probes included',
    async (host) => {
      expect((await admin.call('/v1/status', { headers: { host } })).status).toBe(403);
      expect((await admin.call('/healthz', { headers: { host } })).status).toBe(403);
    },
  );

  it.each(['127.0.0.1', 'localhost:9999', 'LOCALHOST', '[::1]:18080'])('are served by Host %s', async (host) => {
    expect((await admin.call('/v1/status', { headers: { host } })).status).toBe(200);
  });

  it('are refused from another origin', async () => {
    const own = `127.0.0.1:${admin.address.port}`;
    for (const origin of ['https://evil.example', 'null', `http://${own}.evil.example`, 'http://127.0.0.1:1']) {
      expect((await admin.call('/v1/status', { headers: { origin } })).status, origin).toBe(403);
    }
    expect((await admin.call('/v1/status', { headers: { 'sec-fetch-site': 'cross-site' } })).status).toBe(403);
    expect((await admin.call('/v1/status', { headers: { origin: `http://${own}` } })).status).toBe(200);
  });

  it('are told to frame, sniff, cache and run nothing', async () => {
    for (const path of ['/healthz', '/v1/status', '/nowhere']) {
      const { headers } = await admin.call(path);
      expect(headers, path).toMatchObject({
        'cache-control': 'no-store',
        'content-security-policy': expect.stringContaining("default-src 'none'"),
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
      });
      expect(headers['access-control-allow-origin']).toBeUndefined();
    }
  });
});

describe('requests', () => {
  it.each([
    ['/v1/apply', 20],
    ['/v1/simulate', 20],
    ['/v1/try', 20],
    ['/v1/tokens', 1],
  ])('%s over %i MiB are refused', async (path, size) => {
    const reply = await admin.call(path, { body: { text: 'x'.repeat(size * 1024 * 1024) } });
    expect(reply.status).toBe(413);
    expect(reply.json()).toMatchObject({ code: 'resource_exhausted' });
  });

  it.each([
    ['broken JSON', '{'],
    ['a key __proto__', '{"files":[],"__proto__":{"admin":true}}'],
    ['a key constructor', '{"files":[],"constructor":{"prototype":{"admin":true}}}'],
    ['an unknown field', '{"text":"a: 1","bogus":true}'],
    ['100,000 levels', `{"text":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
  ])('with %s are refused', async (_name, body) => {
    const reply = await admin.call('/v1/apply', { body });
    expect(reply.status).toBe(400);
    expect(reply.json()).toMatchObject({ code: 'invalid_argument' });
  });

  it('in other media types are refused', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
      const reply = await admin.call('/v1/apply', { body: '{}', headers: { 'content-type': type } });
      expect(reply.status, type).toBe(415);
    }
  });

  it.each(['/v1/documents/../../etc/passwd', '/v1/documents/%2e%2e%2f%2e%2e%2fetc%2fpasswd', '/../v1', '/nowhere'])(
    'to %s find nothing',
    async (path) => {
      expect((await admin.call(path)).status).toBe(404);
    },
  );

  it('beyond the connection cap are turned away, and those within go on', async () => {
    const sockets: Socket[] = [];
    let turnedAway = 0;
    try {
      await Promise.all(
        Array.from(
          { length: 160 },
          () =>
            new Promise<void>((done) => {
              const socket = connect(admin.address.port, '127.0.0.1');
              sockets.push(socket);
              let answered = false;
              socket.on('error', () => {});
              socket.on('connect', () => socket.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n'));
              socket.on('data', () => {
                answered = true;
                done();
              });
              socket.on('close', () => {
                if (!answered) turnedAway++;
                done();
              });
            }),
        ),
      );
      expect(turnedAway).toBe(160 - 128);
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  });
});

describe('listening', () => {
  it('is refused anywhere but on loopback', async () => {
    const api = createAdminApi(admin.deps);
    await expect(api.listen({ host: '0.0.0.0', port: 0 })).rejects.toMatchObject({ code: 'failed_precondition' });
    await api.close();
  });

  it('says what to do when the port is taken', async () => {
    const api = createAdminApi(admin.deps);
    await expect(api.listen(admin.address)).rejects.toMatchObject({
      code: 'unavailable',
      hint: expect.stringContaining('--admin'),
    });
    await api.close();
  });

  it('ends at once although clients keep their connections', async () => {
    const other = await startAdmin();
    const socket = connect(other.address.port, '127.0.0.1');
    socket.on('error', () => {});
    const closed = new Promise((done) => socket.on('close', done));
    await new Promise((done) => socket.on('connect', done));
    socket.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n');
    await new Promise((done) => socket.once('data', done));
    await other.close();
    await closed;
  });
});
