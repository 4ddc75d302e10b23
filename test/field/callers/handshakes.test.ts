// Old and odd callers before a permissive and a strict service, on a whole control plane with real Envoys: who passes, who does not, and
// that whoever does not stands in `status` with an address, a reason and a time, and holds the gate. Without the wall each of them is
// served: the control.
import { execFile } from 'node:child_process';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { connect } from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TrafficAnswer } from '../../../src/admin/wire.ts';
import { formatStatus } from '../../../src/cli/output/format-status.ts';
import { type EchoApplication, startHttp1Echo } from '../../support/echo-application.ts';
import { eventually } from '../../support/eventually.ts';
import { figure } from '../../support/figure.ts';
import { freePorts } from '../../support/free-ports.ts';
import { httpCall } from '../../support/http-call.ts';
import { createOddCa, type OddCa, type OddCertificateOptions } from '../../support/odd-certificates.ts';
import { policyText, serviceText, workloadText, yaml } from '../../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../../support/serve-harness.ts';
import { startSidecarEnvoy } from '../../support/sidecar-envoy.ts';
import type { RunningEnvoy } from '../../support/start-envoy.ts';
import { createTestCa } from '../../support/test-ca.ts';

let wall: ServeHarness;
let application: EchoApplication;
let legacy: OddCa;
let stranger: OddCa;
const envoys: RunningEnvoy[] = [];
const ports: Record<'permissive' | 'strict', number> = { permissive: 0, strict: 0 };
const direct = createServer();

const indent = (text: string): string => text.trim().replace(/^/gm, '          ');
const documents = (mode: 'permissive' | 'strict'): string =>
  yaml(
    `kind: Mesh\nmetadata: {name: mesh}\nspec:\n  trustDomain: td1\n  legacyAuthorities:\n    - name: old\n      ` +
      `certificates: |\n${indent(legacy.root)}`,
    serviceText(
      'permissive',
      'http1',
      mode === 'permissive' ? ', mtls: {mode: permissive, legacyAuthority: old}' : ', mtls: {mode: strict}',
    ),
    serviceText('strict', 'http1', ', mtls: {mode: strict}'),
    ...['permissive', 'strict'].map((name) => policyText(name, name, 'allow', '[{from: [{everyone: true}]}]')),
    workloadText('idle', '{identity: {spiffeId: "spiffe://td1/idle"}}'),
  );

beforeAll(async () => {
  application = await startHttp1Echo();
  legacy = await createOddCa('legacy');
  stranger = await createOddCa('stranger');
  const [permissive = 0, strict = 0] = await freePorts(2);
  Object.assign(ports, { permissive, strict });
  wall = await startServe(documents('permissive'));
  for (const service of ['permissive', 'strict'] as const) {
    envoys.push(
      await startSidecarEnvoy(wall, `spiffe://td1/service/${service}`, {
        variant: 'delta',
        inbound: ports[service],
        application: application.port,
      }),
    );
  }
  await eventually('both serve', async () => {
    const { proxies } = await wall.admin.proxies();
    return proxies.filter(({ ready }) => ready).length === 2 || undefined;
  });
  await eventually('the permissive one answers', async () =>
    (await httpCall({ port: ports.permissive }).catch(() => undefined))?.status === 200 ? true : undefined,
  );
  // What stands there without the wall: a TLS server that asks for certificates, and takes what it gets.
  const { certificate, key } = await (await createTestCa()).issue({ dns: ['localhost'] });
  direct.setSecureContext({ cert: certificate, key, minVersion: 'TLSv1.2' });
  direct.on('request', (_request, response) => response.end('ok'));
  await new Promise<void>((resolve) => direct.listen(0, '127.0.0.1', resolve));
}, 60_000);

afterAll(async () => {
  direct.closeAllConnections();
  direct.close();
  for (const envoy of envoys) await envoy.stop();
  await wall.stop();
  await application.stop();
});

/** Whether a request was answered. */
function answered(port: number, options: ConnectionOptions): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options });
    let heard = '';
    socket.setTimeout(5000, () => socket.destroy());
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      heard += chunk.toString('latin1');
      socket.destroy();
    });
    socket.on('close', () => resolve(/^HTTP\/1\.1 200/.test(heard)));
    socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  });
}

const lax = { ciphers: 'DEFAULT@SECLEVEL=0' } as const;

interface Caller {
  readonly what: string;
  readonly certificate?: OddCertificateOptions;
  readonly of?: 'stranger';
  readonly tls?: ConnectionOptions;
  /** As the permissive service takes it; the reason if it does not. */
  readonly permissive: true | RegExp;
  readonly strict: RegExp;
}

const none = /presented no certificate, or has one of a key that is not taken/;
const untrusted = /of a CA that is not trusted here/;
const noSvid = /is no SVID of this trust domain/;
const tooOld = /TLS is too old/;
const dns = ['old.test'];

const callers: readonly Caller[] = [
  { what: 'TLS 1.3 without a certificate', permissive: true, strict: none },
  { what: 'TLS 1.2 without a certificate', tls: { maxVersion: 'TLSv1.2' }, permissive: true, strict: tooOld },
  {
    what: 'TLS 1.2 with an old certificate',
    certificate: { dns, key: 'RSA 2048' },
    tls: { maxVersion: 'TLSv1.2' },
    permissive: true,
    strict: tooOld,
  },
  {
    what: 'TLS 1.1',
    tls: { ...lax, minVersion: 'TLSv1', maxVersion: 'TLSv1.1' },
    permissive: tooOld,
    strict: tooOld,
  },
  { what: 'an old certificate', certificate: { dns }, permissive: true, strict: noSvid },
  { what: 'of P-384', certificate: { dns, key: 'P-384' }, permissive: true, strict: noSvid },
  { what: 'of P-521', certificate: { dns, key: 'P-521' }, permissive: true, strict: none },
  { what: 'of Ed25519', certificate: { dns, key: 'Ed25519' }, permissive: true, strict: none },
  { what: 'of RSA 2048', certificate: { dns, key: 'RSA 2048' }, permissive: true, strict: noSvid },
  { what: 'of RSA 4096', certificate: { dns, key: 'RSA 4096' }, permissive: true, strict: noSvid },
  { what: 'of RSA 1024', certificate: { dns, key: 'RSA 1024' }, tls: lax, permissive: true, strict: none },
  {
    what: 'with its intermediate',
    certificate: { dns, intermediate: 'sent' },
    permissive: true,
    strict: noSvid,
  },
  {
    what: 'without its intermediate',
    certificate: { dns, intermediate: 'left out' },
    permissive: /without its intermediate/,
    strict: noSvid,
  },
  {
    what: 'for servers only',
    certificate: { dns, usage: 'server' },
    permissive: /not one for clients/,
    strict: noSvid,
  },
  { what: 'for clients only', certificate: { dns, usage: 'client' }, permissive: true, strict: noSvid },
  { what: 'expired', certificate: { dns, expired: true }, permissive: /has expired/, strict: noSvid },
  { what: 'of another CA', of: 'stranger', certificate: { dns }, permissive: untrusted, strict: noSvid },
  {
    what: 'that says it is one of us',
    certificate: { uri: 'spiffe://td1/service/permissive' },
    permissive: /names that the legacy authority may not vouch for/,
    strict: untrusted,
  },
];

async function optionsOf({ certificate, of, tls }: Caller): Promise<ConnectionOptions> {
  if (certificate === undefined) return tls ?? {};
  const issued = await (of === 'stranger' ? stranger : legacy).issue(certificate);
  return { cert: issued.certificate, key: issued.key, ...tls };
}

type Failed = TrafficAnswer['handshakes'][number];

async function failedOf(service: string): Promise<readonly Failed[]> {
  return (await wall.admin.traffic()).handshakes.filter((one) => one.service === service);
}

const total = (failed: readonly Failed[]): number => failed.reduce((sum, { count }) => sum + count, 0);

describe.each(['permissive', 'strict'] as const)('a %s service', (service) => {
  test.each(callers)('$what', async (caller) => {
    const options = await optionsOf(caller);
    const port = (direct.address() as AddressInfo).port;
    // The control; OpenSSL itself gives up TLS 1.1.
    if (caller.what !== 'TLS 1.1') expect(await answered(port, options)).toBe(true);
    const before = await failedOf(service);
    const expected = caller[service];
    expect(await answered(ports[service], options)).toBe(expected === true);
    if (expected === true) return;
    const after = await eventually('it is told', async () => {
      const failed = await failedOf(service);
      return total(failed) > total(before) ? failed : undefined;
    });
    const told = after.filter(({ why, count }) => count > (before.find((one) => one.why === why)?.count ?? 0));
    expect(told.map(({ why }) => why)).toEqual([expect.stringMatching(expected)]);
    expect(told[0]?.address).toBe('127.0.0.1');
    expect(Date.now() - (told[0]?.lastSeen ?? 0)).toBeLessThan(15_000);
  });

  test('a caller that does not trust the certificate of the proxy', async () => {
    const before = total(await failedOf(service));
    // Node.js ends the connection without an alert; most say why, as OpenSSL does here.
    await python(`
import socket, ssl
context = ssl.create_default_context(cadata=${JSON.stringify(stranger.root)})
try:
    context.wrap_socket(socket.create_connection(("127.0.0.1", ${ports[service]})), server_hostname="api.test")
except ssl.SSLCertVerificationError:
    print("refused")`);
    const found = await eventually('it is told', async () => {
      const failed = await failedOf(service);
      return total(failed) > before ? failed : undefined;
    });
    expect(found.map(({ why }) => why).join('\n')).toMatch(/does not trust the proxy's certificate/);
  });
});

async function python(script: string): Promise<void> {
  const { stdout } = await promisify(execFile)('python3', ['-c', script]);
  expect(stdout.trim()).toBe('refused');
}

test('plaintext to a strict service is told, and holds nobody: a scanner does that', async () => {
  await expect(httpCall({ port: ports.strict })).rejects.toThrow();
  const found = await eventually('it is told', async () =>
    (await failedOf('strict')).find(({ why }) => why.startsWith('plaintext HTTP')),
  );
  expect(found.caller).toBe(false);
});

test('plaintext to a permissive one is no failure', async () => {
  const before = total(await failedOf('permissive'));
  expect((await httpCall({ port: ports.permissive })).status).toBe(200);
  // A failure after it is told; by then it would be, too.
  await answered(ports.permissive, { ...lax, minVersion: 'TLSv1', maxVersion: 'TLSv1.1' });
  const after = await eventually('the next is told', async () => {
    const count = total(await failedOf('permissive'));
    return count > before ? count : undefined;
  });
  expect(after).toBe(before + 1);
});

test('status shows them, they outlive a restart, and the gate counts who tried to call', async () => {
  const { traffic, handshakes } = await wall.admin.traffic();
  const [status, { services }, { proxies }] = await Promise.all([
    wall.admin.status(),
    wall.admin.services(),
    wall.admin.proxies(),
  ]);
  const text = formatStatus({ status, services, proxies, traffic, handshakes, now: Date.now() });
  expect(text).toMatch(/FAILED HANDSHAKES FROM +WHY/);
  expect(text).toMatch(/permissive +127\.0\.0\.1 +its certificate has expired/);
  const kinds = (await failedOf('permissive')).filter(({ caller }) => caller);
  await wall.restart();
  expect((await failedOf('permissive')).length).toBeGreaterThanOrEqual(kinds.length);
  const answer = await wall.admin.apply({ text: documents('strict'), dryRun: true });
  if (answer.kind === 'invalid') throw new Error(JSON.stringify(answer.problems));
  const held = answer.reasons.filter(({ kind }) => kind === 'handshake');
  expect(held.length).toBe(kinds.length);
  expect(held.every(({ service, who }) => service === 'permissive' && who === '127.0.0.1')).toBe(true);
  figure('kindsOfCallers', callers.length);
  figure('reasonsOfTheGate', held.length);
});
