// Clients and servers that are not ours, before and behind a sidecar: curl, openssl and nginx judge the certificates and the wall.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, start } from '../qualification/support/command.ts';
import { type Mesh, type Sidecar, startMesh } from '../qualification/support/mesh.ts';
import { until } from '../qualification/support/until.ts';
import { freePorts } from '../support/free-ports.ts';
import { projectRoot } from '../support/source-files.ts';

const closers: (() => void | Promise<void>)[] = [];
const work = mkdtempSync(join(tmpdir(), 'cellwall-system-'));
let mesh: Mesh;
let api: Sidecar;

const command = (name: string, ...args: readonly string[]) => run(name, args, { cwd: work, timeoutMs: 20_000 });
const clientFile = (name: string): string => join(mesh.clientFolder, name);
const withSvid = () => ['--cert', clientFile('svid.pem'), '--key', clientFile('key.pem')];

beforeAll(async () => {
  const defer = (close: () => void | Promise<void>): void => void closers.push(close);
  mesh = await startMesh({ work, defer }, { cellwall: join(projectRoot, 'bin/cellwall.cjs'), services: ['api'] });
  api = (await mesh.prepare('api'))();
  await api.firstCall(60_000);
});

afterAll(async () => {
  for (const close of closers.reverse()) await close();
  rmSync(work, { recursive: true, force: true });
});

describe('curl', () => {
  // An SVID has no host name; the chain is checked by openssl below.
  const url = () => ['--silent', '--show-error', '--insecure', `https://127.0.0.1:${api.port}/`];

  it('is let in with an SVID, and the application is told who it is', async () => {
    const { code, stdout } = await command('curl', ...withSvid(), ...url());
    expect({ code, stdout }).toEqual({ code: 0, stdout: `spiffe://${mesh.trustDomain}/client\n` });
  });

  it('speaks HTTP/2 there, too', async () => {
    const { stdout } = await command(
      'curl',
      ...withSvid(),
      '--http2',
      '-o',
      '/dev/null',
      '-w',
      '%{http_version}',
      ...url(),
    );
    expect(stdout).toBe('2');
  });

  it('cannot claim to be somebody else', async () => {
    const forged = [
      '-H',
      'x-cellwall-peer-id: spiffe://qualify.test/admin',
      '-H',
      'x-forwarded-client-cert: URI=spiffe://x/y',
    ];
    const { stdout } = await command('curl', ...withSvid(), ...forged, ...url());
    expect(stdout).toBe(`spiffe://${mesh.trustDomain}/client\n`);
  });

  it('is refused in the handshake without a certificate, and in plaintext', async () => {
    const without = await command('curl', ...url());
    expect(without.code).not.toBe(0);
    expect(without.stdout).toBe('');
    const plain = await command('curl', '--silent', `http://127.0.0.1:${api.port}/`);
    expect(plain.code).not.toBe(0);
  });
});

describe('openssl', () => {
  const connect = (...args: readonly string[]) =>
    command(
      'openssl',
      ...['s_client', '-connect', `127.0.0.1:${api.port}`, '-CAfile', clientFile('bundle.pem'), '-verify_return_error'],
      ...['-cert', clientFile('svid.pem'), '-cert_chain', clientFile('svid.pem'), '-key', clientFile('key.pem')],
      ...args,
    );

  it('verifies the chain from the bundle alone, over TLS 1.3', async () => {
    const { stdout, stderr } = await connect('-brief');
    expect(stdout + stderr).toMatch(/TLSv1\.3/);
    expect(stdout + stderr).toMatch(/Verification: OK/);
  });

  it('is refused with TLS 1.2', async () => {
    const { code, stdout, stderr } = await connect('-tls1_2');
    expect(code).not.toBe(0);
    expect(stdout + stderr).toMatch(/alert protocol version|alert handshake failure/);
  });

  it('finds the SVID to the letter of X509-SVID', async () => {
    const { stdout } = await command('openssl', 'x509', '-in', clientFile('svid.pem'), '-noout', '-text');
    expect(stdout).toContain(`URI:spiffe://${mesh.trustDomain}/client`);
    expect(stdout.match(/URI:/g)).toHaveLength(1);
    expect(stdout).toMatch(/X509v3 Basic Constraints: critical\s+CA:FALSE/);
    expect(stdout).toMatch(/X509v3 Key Usage: critical\s+Digital Signature/);
    expect(stdout).not.toMatch(/Certificate Sign|CRL Sign/);
  });

  it('verifies it for clients and for servers', async () => {
    for (const purpose of ['sslclient', 'sslserver']) {
      const chain = ['-CAfile', clientFile('bundle.pem'), '-untrusted', clientFile('svid.pem'), clientFile('svid.pem')];
      const { code, stderr } = await command('openssl', 'verify', '-x509_strict', '-purpose', purpose, ...chain);
      expect({ purpose, code, stderr }).toEqual({ purpose, code: 0, stderr: '' });
    }
  });
});

describe('nginx', () => {
  it('serves with the fetched files, and asks its clients for certificates of the bundle', async () => {
    const [port = 0] = await freePorts(1);
    const config = `daemon off; pid ${work}/nginx.pid; error_log stderr; worker_processes 1;
events {}
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${work}/nginx-${name};`).join(' ')}
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${clientFile('svid.pem')};
    ssl_certificate_key ${clientFile('key.pem')};
    ssl_client_certificate ${clientFile('bundle.pem')};
    ssl_verify_client on;
    ssl_verify_depth 2;
    location / { return 200 "$ssl_client_verify\\n"; }
  }
}
`;
    writeFileSync(join(work, 'nginx.conf'), config);
    const nginx = start('nginx', ['-c', join(work, 'nginx.conf'), '-p', work], { cwd: work });
    closers.push(() => nginx.stop());
    const url = ['--silent', '--insecure', `https://127.0.0.1:${port}/`];
    const ask = async (): Promise<string | undefined> =>
      (await command('curl', ...withSvid(), ...url)).stdout || undefined;
    expect(await until(`nginx answers: ${nginx.log()}`, 10_000, ask)).toBe('SUCCESS\n');
    expect((await command('curl', ...url)).stdout).toMatch(/No required SSL certificate was sent/);
  });
});
