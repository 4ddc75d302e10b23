// What the page adds to the admin port, over real connections: its files, sign-in, cross-site requests, roles, events.
import { request } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PageFiles } from '../../../src/admin/page/page-files.ts';
import { sessionHeader } from '../../../src/admin/page/sessions.ts';
import { type AdminHarness, adminToken, startAdmin } from '../../support/admin-harness.ts';
import { eventually } from '../../support/eventually.ts';
import { meshText, serviceText, yaml } from '../../support/resolve-text.ts';

const file = { mediaType: 'text/html; charset=utf-8', bytes: Buffer.from('<html>'), zipped: Buffer.from('zipped') };
const page: PageFiles = {
  find(path) {
    if (path === '') return { ...file, lasting: false };
    return path === 'page/main-abcd1234.js' ? { ...file, mediaType: 'text/javascript', lasting: true } : undefined;
  },
};

let admin: AdminHarness;

beforeEach(async () => {
  admin = await startAdmin({ page });
});

afterEach(() => admin.close());

interface Session {
  readonly headers: Readonly<Record<string, string>>;
  readonly cookie: string;
}

async function signIn(token = adminToken): Promise<Session> {
  const reply = await admin.call('/v1/session', { body: {}, token });
  expect(reply.status).toBe(200);
  const { session } = reply.json() as { readonly session: string };
  const cookie = String(reply.headers['set-cookie']).split(';')[0] ?? '';
  return { headers: { [sessionHeader]: session, cookie }, cookie };
}

async function tokenOf(role: 'viewer' | 'editor'): Promise<string> {
  const made = await admin.deps.namedTokens.create({
    name: role,
    role,
    rawResources: false,
    author: 'test',
    ttlMs: 1e9,
  });
  return made.token.reveal();
}

describe('the files', () => {
  it('are for everybody, under a policy that runs and calls nothing else', async () => {
    const reply = await admin.call('/', { anonymous: true });
    expect(reply).toMatchObject({ status: 200, text: '<html>' });
    expect(reply.headers).toMatchObject({
      'cache-control': 'no-cache',
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
    });
    const policy = String(reply.headers['content-security-policy']);
    for (const part of ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"]) {
      expect(policy).toContain(part);
    }
    expect(policy).not.toMatch(/unsafe|https?:|data:|\*/);
    const script = await admin.call('/page/main-abcd1234.js', {
      anonymous: true,
      headers: { 'accept-encoding': 'gzip' },
    });
    expect(script).toMatchObject({ status: 200, text: 'zipped' });
    expect(script.headers).toMatchObject({
      'content-encoding': 'gzip',
      'cache-control': expect.stringContaining('immutable'),
    });
  });

  it.each([
    '/page/',
    '/page/other.js',
    '/page/..%2f..%2fadmin.token',
    '/page/../index.html',
    '/page/%00',
    '/index.html',
  ])('are these and no others: %s', async (path) => {
    const { status } = await admin.call(path, { anonymous: true });
    expect([401, 404]).toContain(status);
  });

  it('may be linked to from other sites, unlike everything else, but not framed or fetched by them', async () => {
    const navigate = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
    expect((await admin.call('/', { anonymous: true, headers: navigate })).status).toBe(200);
    expect((await admin.call('/v1/status', { headers: navigate })).status).toBe(403);
    for (const dest of ['iframe', 'script', 'empty']) {
      const headers = { ...navigate, 'sec-fetch-dest': dest };
      expect((await admin.call('/', { anonymous: true, headers })).status, dest).toBe(403);
    }
    expect((await admin.call('/', { anonymous: true, headers: { host: 'evil.example' } })).status).toBe(403);
  });

  it('are not there where the page is not built', async () => {
    const bare = await startAdmin({ page: { find: () => undefined } });
    expect((await bare.call('/', { anonymous: true })).json()).toMatchObject({
      code: 'not_found',
      message: 'the page is not built',
    });
    await bare.close();
  });
});

describe('a session', () => {
  it('has the rights of the credential that opened it, under the same name', async () => {
    const viewer = await signIn(await tokenOf('viewer'));
    const who = await admin.call('/v1/session', { anonymous: true, headers: viewer.headers });
    expect(who.json()).toMatchObject({ name: 'viewer', role: 'viewer', expiresAt: expect.any(Number) });
    expect((await admin.call('/v1/status', { anonymous: true, headers: viewer.headers })).status).toBe(200);
    const body = { text: yaml(meshText(), serviceText('web')) };
    const refused = await admin.call('/v1/apply', { anonymous: true, headers: viewer.headers, body });
    expect(refused).toMatchObject({ status: 403 });
    expect(refused.json()).toMatchObject({ message: expect.stringContaining('needs the role editor') });
    const editor = await signIn(await tokenOf('editor'));
    expect((await admin.call('/v1/apply', { anonymous: true, headers: editor.headers, body })).status).toBe(200);
    expect((await admin.deps.store.history()).at(-1)?.author ?? '').toBe('editor');
  });

  it('is worth nothing to a page of another site, or by its cookie alone', async () => {
    const { headers, cookie } = await signIn();
    const body = { text: yaml(meshText()) };
    // What a form of another site can send: the cookie (were it not SameSite), and no header of its own.
    expect((await admin.call('/v1/apply', { anonymous: true, headers: { cookie }, body })).status).toBe(401);
    for (const origin of ['https://evil.example', 'http://127.0.0.1:1', 'null']) {
      const reply = await admin.call('/v1/apply', { anonymous: true, headers: { ...headers, origin }, body });
      expect(reply.status, origin).toBe(403);
    }
    const { [sessionHeader]: header = '' } = headers;
    expect((await admin.call('/v1/status', { anonymous: true, headers: { [sessionHeader]: header } })).status).toBe(
      401,
    );
    expect(admin.deps.store.state()?.revision ?? 0).toBe(0);
  });

  it('opens no other one, nor a code for one', async () => {
    const { headers } = await signIn();
    for (const path of ['/v1/session', '/v1/session/code']) {
      expect((await admin.call(path, { anonymous: true, headers, body: {} })).status, path).toBe(412);
    }
  });

  it('ends with its token, and on signing out', async () => {
    const token = await tokenOf('viewer');
    const [one, other] = [await signIn(token), await signIn(token)];
    const out = await admin.call('/v1/session/end', { anonymous: true, headers: one.headers, body: {} });
    expect(out.json()).toEqual({ ended: true });
    expect(String(out.headers['set-cookie'])).toContain('Max-Age=0');
    expect((await admin.call('/v1/status', { anonymous: true, headers: one.headers })).status).toBe(401);
    expect((await admin.call('/v1/status', { anonymous: true, headers: other.headers })).status).toBe(200);
    await admin.deps.namedTokens.revoke('viewer');
    expect((await admin.call('/v1/status', { anonymous: true, headers: other.headers })).status).toBe(401);
  });

  it('is opened by a code, once, and a code is nothing else', async () => {
    const { code, page: at } = (await admin.call('/v1/session/code', { body: {} })).json() as {
      code: string;
      page: string;
    };
    expect(at).toBe(`http://127.0.0.1:${admin.address.port}/`);
    const opened = await admin.call('/v1/session', { body: {}, token: code });
    expect(opened.json()).toMatchObject({ name: 'operator', role: 'admin' });
    expect((await admin.call('/v1/session', { body: {}, token: code })).status).toBe(401);
  });

  it('is limited in failures like any credential', async () => {
    const headers = { [sessionHeader]: `${'a'.repeat(11)}.${'b'.repeat(43)}` };
    const statuses: number[] = [];
    for (let at = 0; at < 12; at++)
      statuses.push((await admin.call('/v1/status', { anonymous: true, headers })).status);
    expect(statuses.filter((status) => status === 401)).toHaveLength(10);
    expect(statuses.at(-1)).toBe(429);
  });

  it('never shows in the log', async () => {
    const { headers, cookie } = await signIn();
    const { code } = (await admin.call('/v1/session/code', { body: {} })).json() as { code: string };
    await admin.call('/v1/nowhere', { anonymous: true, headers });
    const text = admin.logged.join('\n');
    for (const secret of [headers[sessionHeader] ?? '', cookie.split('=')[1] ?? '', code])
      expect(text).not.toContain(secret);
  });
});

/** An open stream: what came so far, and whether it has ended. */
function listen(headers: Readonly<Record<string, string>>) {
  const { host, port } = admin.address;
  const heard = { status: 0, text: '', ended: false };
  const outgoing = request({ host, port, path: '/v1/events', headers, agent: false }, (response) => {
    heard.status = response.statusCode ?? 0;
    response.on('data', (chunk: Buffer) => {
      heard.text += chunk.toString();
    });
    response.on('close', () => {
      heard.ended = true;
    });
  });
  outgoing.on('error', () => {
    heard.ended = true;
  });
  outgoing.end();
  return { heard, close: () => outgoing.destroy() };
}

describe('events', () => {
  it('tell the state at once, and again when it changed', async () => {
    const { headers } = await signIn();
    const { heard, close } = listen(headers);
    await eventually('the first event', () => heard.text.includes('event: pulse') || undefined);
    expect(heard.text).not.toContain('"revision":1');
    await admin.call('/v1/apply', { body: { text: yaml(meshText(), serviceText('web')) } });
    admin.clock.advance(1000);
    await eventually('the change', () => heard.text.includes('"revision":1') || undefined);
    const before = heard.text;
    admin.clock.advance(3000);
    await admin.call('/healthz');
    expect(heard.text).toBe(before);
    close();
  });

  it('need a credential, and end with it', async () => {
    const nobody = listen({});
    await eventually('a refusal', () => nobody.heard.status === 401 || undefined);
    const { headers } = await signIn(await tokenOf('viewer'));
    const { heard } = listen(headers);
    await eventually('the first event', () => heard.text !== '' || undefined);
    await admin.deps.namedTokens.revoke('viewer');
    for (let look = 0; look < 16; look++) admin.clock.advance(1000);
    await eventually('the end', () => heard.ended || undefined);
  });

  it('end with the session: on signing out, and after eight hours', async () => {
    const [out, late] = [await signIn(), await signIn()];
    const [first, second] = [listen(out.headers), listen(late.headers)];
    await eventually('the first events', () => (first.heard.text !== '' && second.heard.text !== '') || undefined);
    await admin.call('/v1/session/end', { anonymous: true, headers: out.headers, body: {} });
    for (let look = 0; look < 16; look++) admin.clock.advance(1000);
    await eventually('the end', () => first.heard.ended || undefined);
    expect(second.heard.ended).toBe(false);
    admin.clock.advance(8 * 3_600_000);
    for (let look = 0; look < 16; look++) admin.clock.advance(1000);
    await eventually('the end of time', () => second.heard.ended || undefined);
  });

  it('are for 16 pages of a name at a time, for 64 of all, and a closed one makes room', async () => {
    const sessions = [await signIn()];
    for (const name of ['one', 'two', 'three', 'four']) {
      const made = await admin.deps.namedTokens.create({
        ...{ name, role: 'viewer', rawResources: false, author: 'test', ttlMs: 1e9 },
      });
      sessions.push(await signIn(made.token.reveal()));
    }
    const [first, , , , last] = sessions;
    const open = sessions.slice(0, 4).flatMap(({ headers }) => Array.from({ length: 16 }, () => listen(headers)));
    await eventually('all of them', () => open.every(({ heard }) => heard.text !== '') || undefined);
    for (const session of [first, last]) {
      const one = listen(session?.headers ?? {});
      await eventually('a refusal', () => one.heard.status === 429 || undefined);
    }
    open[0]?.close();
    await eventually('room', async () => {
      const next = listen(last?.headers ?? {});
      await eventually('an answer', () => next.heard.status !== 0 || undefined);
      next.close();
      return next.heard.status === 200 || undefined;
    });
    for (const { close } of open) close();
  });

  it('do not keep the server from closing', async () => {
    const { headers } = await signIn();
    const { heard } = listen(headers);
    await eventually('the first event', () => heard.text !== '' || undefined);
    await admin.close();
    await eventually('the end', () => heard.ended || undefined);
    admin = await startAdmin({ page });
  });
});
