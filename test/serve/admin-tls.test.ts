// The admin API's TLS port, of a whole control plane: every route with every operator's SVID, as the table of docs/admin-api.md says, and
// with what is none; certificates of its own, and of somebody else.
import { readFileSync, writeFileSync } from 'node:fs';
import { type RequestOptions, request } from 'node:https';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { roles } from '../../src/admin/caller.ts';
import { createAdminClient } from '../../src/admin/client.ts';
import { svidTls } from '../../src/admin/svid-tls.ts';
import { operatorRole } from '../../src/identity/operator.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { parseSpiffeId, trustDomainOf } from '../../src/model/spiffe-id.ts';
import { accessTable } from '../support/access-table.ts';
import { runCli } from '../support/cli-harness.ts';
import { figure } from '../support/figure.ts';
import { serviceText, yaml } from '../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../support/serve-harness.ts';
import { createTestCa } from '../support/test-ca.ts';
import { tlsTry } from '../support/tls-try.ts';

const documents = yaml('kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1}', serviceText('api'));
const operator = 'spiffe://td1/cellwall/operator';
const identities = { viewer: `${operator}/vera`, editor: `${operator}/editor/ed`, admin: `${operator}/admin/ada` };

let plane: ServeHarness;
const folders = new Map<string, string>();

beforeAll(async () => {
  plane = await startServe(documents, { adminTls: {} });
  for (const id of [...Object.values(identities), `${operator}/owner/eve`, 'spiffe://td1/service/api']) {
    folders.set(id, (await plane.enrol(id)).dir);
  }
});

afterAll(() => plane.stop());

const credential = (id: string) => {
  const dir = folders.get(id) ?? '';
  const text = (name: string): string => readFileSync(join(dir, name), 'utf8');
  return { chain: text('svid.pem'), key: new Redacted(text('key.pem')), bundle: text('bundle.pem') };
};

interface Reply {
  readonly status: number;
  readonly text: string;
}

function call(path: string, options: RequestOptions, method = 'GET'): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const where = { host: '127.0.0.1', port: plane.adminTlsPort, path, method, agent: false };
    const headers = { ...(method === 'POST' ? { 'content-type': 'application/json' } : {}), ...options.headers };
    const outgoing = request({ ...where, ...options, headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
    });
    outgoing.on('error', reject);
    outgoing.end(method === 'POST' ? '{}' : undefined);
  });
}

/** As the operator with that SVID. */
const as = (id: string) => ({ ...svidTls(credential(id)), ca: credential(id).bundle });
/** Trusts the control plane, and shows nothing. */
const nobody = () => ({ ...as(identities.viewer), cert: undefined, key: undefined });
const refused = (answer: Reply): boolean =>
  answer.status === 401 || answer.status === 429 || (answer.status === 403 && /needs the role/.test(answer.text));

describe.each(accessTable)('$name', ({ method, url, allowed }) => {
  // An SVID makes nobody a scraper.
  it.each(roles.filter((role) => role !== 'scraper'))('as %s', async (role) => {
    const answer = await call(url.replace('*', 'Mesh/mesh'), as(identities[role]), method);
    expect(refused(answer), `${answer.status} ${answer.text}`).toBe(!allowed[role]);
    expect(answer.status).toBeLessThan(500);
    figure('routes', accessTable.length);
  });

  it('with a workload, an operator without a role that there is, and nobody', async () => {
    for (const options of [as('spiffe://td1/service/api'), as(`${operator}/owner/eve`), nobody()]) {
      const answer = await call(url.replace('*', 'Mesh/mesh'), options, method);
      expect(refused(answer), `${answer.status} ${answer.text}`).toBe(!allowed.none);
    }
  });
});

describe('an operator', () => {
  it.each([
    [`${operator}/vera`, 'viewer'],
    [`${operator}/editor`, 'viewer'],
    [`${operator}/viewer/vera`, 'viewer'],
    [`${operator}/editor/ed`, 'editor'],
    [`${operator}/admin/ada`, 'admin'],
    [`${operator}/owner/eve`, undefined],
    [`${operator}/admin/ada/more`, undefined],
    ['spiffe://td1/cellwall/server', undefined],
    ['spiffe://td2/cellwall/operator/admin/ada', undefined],
  ])('%s is %s', (text, role) => {
    const [id, td] = [parseSpiffeId(text), parseSpiffeId('spiffe://td1/x')];
    if (id === undefined || td === undefined) throw new Error('not a SPIFFE ID');
    expect(operatorRole(id, trustDomainOf(td))).toBe(role);
  });

  it('is the author of what is changed, and may not change raw resources', async () => {
    const client = createAdminClient({
      url: `https://127.0.0.1:${plane.adminTlsPort}`,
      svid: credential(identities.editor),
    });
    await client.apply({ text: yaml(serviceText('new')), reason: 'because' });
    const [latest] = (await client.history()).revisions;
    expect(latest).toMatchObject({ author: identities.editor, reason: 'because' });
    const raw = yaml(
      'kind: EnvoyResource\nmetadata: {name: slow}\nspec: {selector: {all: true}, patch: {operation: remove, ' +
        'typeUrl: type.googleapis.com/envoy.config.cluster.v3.Cluster, name: x}}',
    );
    await expect(client.apply({ text: raw })).rejects.toMatchObject({ code: 'permission_denied' });
  });

  it('is one by command, and told what to do with an address that is no TLS', async () => {
    const args = ['status', '--admin-svid', folders.get(identities.viewer) ?? ''];
    const at = (address: string) => runCli([...args, '--admin', address]);
    expect(await at(`https://127.0.0.1:${plane.adminTlsPort}`)).toMatchObject({ code: 0 });
    expect((await at(`127.0.0.1:${plane.adminPort}`)).stderr).toContain('--admin-tls-listen');
    expect((await runCli([...args, '--admin', 'https://127.0.0.1:1', '--admin-token', 'x'])).code).toBe(2);
  });

  it('is none any more from the moment that its host is evicted', async () => {
    const { dir } = await plane.enrol(`${operator}/admin/gone`);
    folders.set('gone', dir);
    expect((await call('/v1/status', as('gone'))).status).toBe(200);
    await plane.admin.evict(`${operator}/admin/gone`);
    expect([401, 429]).toContain((await call('/v1/status', as('gone'))).status);
  });
});

describe('the port', () => {
  it('takes no name but its own, and no plaintext, no older TLS, no other key', async () => {
    const host = (name: string) => call('/v1/status', { ...as(identities.viewer), headers: { host: name } });
    expect((await host('evil.example')).status).toBe(403);
    expect((await host('cellwall.test')).status).toBe(200);
    const hello = (options: object) =>
      new Promise<string>((resolve) => {
        const socket = connect({ host: '127.0.0.1', port: plane.adminTlsPort, rejectUnauthorized: false, ...options });
        socket.on('secureConnect', () => resolve(socket.getProtocol() ?? ''));
        socket.on('error', () => resolve('refused'));
      });
    expect(await hello({})).toBe('TLSv1.3');
    expect(await hello({ maxVersion: 'TLSv1.2' })).toBe('refused');
    const psk = { psk: Buffer.alloc(32), identity: 'admin' };
    const psks = { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-PSK-CHACHA20-POLY1305', pskCallback: () => psk };
    expect(await hello(psks)).toBe('refused');
    await expect(fetch(`http://127.0.0.1:${plane.adminTlsPort}/healthz`)).rejects.toThrow();
  });

  it('resumes no session: whoever has one of an operator still has to show the certificate', async () => {
    const { chain, key } = credential(identities.admin);
    const port = plane.adminTlsPort;
    const ask = 'GET /v1/status HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n';
    const own = { port, cert: chain, key: key.reveal(), ask };
    const first = await tlsTry(own);
    expect([first.answer, first.resumed]).toEqual([expect.stringContaining('HTTP/1.1 200'), false]);
    // It offers one all the same.
    expect(first.session).toBeDefined();
    const again = await tlsTry({ ...own, session: first.session });
    expect([again.answer, again.resumed]).toEqual([expect.stringContaining('HTTP/1.1 200'), false]);
    const stolen = await tlsTry({ port, ask, session: first.session });
    expect([stolen.answer, stolen.resumed]).toEqual([expect.stringMatching(/HTTP\/1.1 (401|429)/), false]);
  });

  it('is refused by a client where somebody else of the trust domain listens', async () => {
    const impostor = { ...credential('spiffe://td1/service/api') };
    const { createServer } = await import('node:https');
    const server = createServer({ cert: impostor.chain, key: impostor.key.reveal() }, (_request, answer) =>
      answer.end('{}'),
    );
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const address = server.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    const client = createAdminClient({ url: `https://127.0.0.1:${port}`, svid: credential(identities.admin) });
    await expect(client.status()).rejects.toMatchObject({ code: 'unavailable' });
    server.close();
  });

  it('has a certificate of another authority where one is given, and takes tokens there', async () => {
    const ca = await createTestCa('outside');
    const pair = await ca.issue({ dns: ['cellwall.test'] });
    const [certificate, key] = [join(plane.folder, 'tls.pem'), join(plane.folder, 'tls-key.pem')];
    writeFileSync(certificate, pair.certificate);
    writeFileSync(key, pair.key);
    const other = await startServe(documents, { adminTls: { files: { certificate, key } } });
    try {
      const { token } = await other.admin.createNamedToken({ name: 'ann', role: 'viewer' });
      const ask = (path: string, method: string, text: string) =>
        call(
          path,
          {
            port: other.adminTlsPort,
            ...{ ca: ca.root, servername: 'cellwall.test' },
            headers: { host: 'cellwall.test', authorization: `Bearer ${text}` },
          },
          method,
        );
      expect((await ask('/v1/status', 'GET', token)).status).toBe(200);
      expect((await ask('/v1/apply', 'POST', token)).status).toBe(403);
      expect((await ask('/v1/status', 'GET', `${token}x`)).status).toBe(401);
    } finally {
      await other.stop();
    }
  });
});
