// deploy/nginx/reload.sh, for `--on-renew`: it ends well once a real nginx uses its files, and badly if it does not.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryFolder } from '../../src/lib/temporary-folder.ts';
import { type Background, type Ended, run, start } from '../qualification/support/command.ts';
import { eventually } from '../support/eventually.ts';
import { freePorts } from '../support/free-ports.ts';
import { createTestCa, type TestCa } from '../support/test-ca.ts';

const script = fileURLToPath(new URL('../../deploy/nginx/reload.sh', import.meta.url));
const folder = temporaryFolder('nginx');
const path = (name: string): string => join(folder, name);
let ca: TestCa;
let nginx: Background;
let port = 0;

async function renew(): Promise<void> {
  const { certificate, key } = await ca.issue({ dns: ['files.test'] });
  writeFileSync(path('svid.pem'), certificate);
  writeFileSync(path('tls-key.pem'), key, { mode: 0o600 });
}
const reload = (pidFile: string, seconds: string): Promise<Ended> =>
  run('sh', [script, pidFile, seconds], { cwd: folder });
/** Of the certificate on a new connection. */
const shown = (): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', servername: 'files.test', ca: ca.root }, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.end();
    });
    socket.on('error', reject);
  });

beforeAll(async () => {
  ca = await createTestCa('of the mesh');
  [port = 0] = await freePorts(1);
  await renew();
  const files = `ssl_certificate ${path('svid.pem')}; ssl_certificate_key ${path('tls-key.pem')};`;
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  writeFileSync(
    path('nginx.conf'),
    `daemon off; pid ${path('nginx.pid')}; error_log stderr; worker_processes 2; events {}
http { access_log off; ${kinds.map((kind) => `${kind}_temp_path ${path(kind)};`).join(' ')}
server { listen 127.0.0.1:${port} ssl; ${files} } }`,
  );
  nginx = start('nginx', ['-c', path('nginx.conf'), '-p', folder, '-e', 'stderr'], { cwd: folder });
  await eventually('nginx answers', () => shown().catch(() => undefined));
});
afterAll(async () => {
  await nginx?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('ends well once every new connection has the new certificate', async () => {
  for (let turn = 0; turn < 3; turn += 1) {
    const before = await shown();
    await renew();
    expect(await reload(path('nginx.pid'), '30')).toMatchObject({ code: 0, stderr: '' });
    const seen = new Set(await Promise.all(Array.from({ length: 20 }, shown)));
    expect([seen.size, seen.has(before)]).toEqual([1, false]);
  }
});

test('ends badly if nginx cannot use its files, which goes on with what it had, and well once it can', async () => {
  const before = await shown();
  writeFileSync(path('tls-key.pem'), 'no key');
  const failed = await reload(path('nginx.pid'), '1');
  expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining('has not taken its files within 1 s') });
  expect(await shown()).toBe(before);
  await renew();
  expect(await reload(path('nginx.pid'), '30')).toMatchObject({ code: 0 });
  expect(await shown()).not.toBe(before);
});

test('ends badly without an nginx, and signals nobody else', async () => {
  expect((await reload(path('none.pid'), '1')).code).not.toBe(0);
  const other = start('sleep', ['60'], { cwd: folder });
  writeFileSync(path('stale.pid'), `${other.pid}\n`);
  const ended = await reload(path('stale.pid'), '1');
  expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining('is no nginx') });
  expect(other.running()).toBe(true);
  await other.stop();
});
