// One call without mTLS among very many with it is in the report, with the address, the service and the time of it, in every form; before
// it was made it is not. Real Envoys in front of caller and service; the report by the command, verified without the control plane.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { MtlsReport } from '../../src/report/mtls-report.ts';
import { reportFormats, verifyReportFile } from '../../src/report/report-file.ts';
import { runCli } from '../support/cli-harness.ts';
import { eventually } from '../support/eventually.ts';
import { exchange, statusOf } from '../support/exchange.ts';
import { figure, qualifying } from '../support/figure.ts';
import { freePorts } from '../support/free-ports.ts';
import { meshText, policyText, serviceText, yaml } from '../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../support/serve-harness.ts';
import { startSidecarEnvoy } from '../support/sidecar-envoy.ts';
import type { RunningEnvoy } from '../support/start-envoy.ts';

const calls = qualifying ? 100_000 : 500;
const [web, api] = ['spiffe://td1/service/web', 'spiffe://td1/service/api'];
const application = createServer((_request, response) => response.end('ok'));
const folder = mkdtempSync(join(tmpdir(), 'cellwall-plaintext-'));

let wall: ServeHarness;
let bundle = '';
const envoys: RunningEnvoy[] = [];
let [toApi, direct] = [0, 0];

beforeAll(async () => {
  const app = await new Promise<number>((done) => {
    application.listen(0, '127.0.0.1', () => done((application.address() as AddressInfo).port));
  });
  const [listen = 0, inbound = 0] = await freePorts(2);
  [toApi, direct] = [listen, inbound];
  wall = await startServe(
    yaml(
      meshText('permissive'),
      serviceText('api'),
      serviceText('idle'),
      policyText('api', 'api', 'allow', '[{from: [{service: web}, {anonymous: true}]}]'),
      serviceText(
        'web',
        'http1',
        `, dependsOn: [{service: api, listen: ${listen}}, {service: idle, listen: ${listen + 1}}]`,
      ),
    ),
  );
  bundle = readFileSync((await wall.enrol(web ?? '')).bundle, 'utf8');
  envoys.push(await startSidecarEnvoy(wall, api ?? '', { variant: 'delta', inbound, application: app }));
  envoys.push(await startSidecarEnvoy(wall, web ?? '', { variant: 'delta' }));
  await eventually('api answers', async () => (await one().catch(() => 0)) === 200 || undefined, 20_000);
}, 60_000);
afterAll(async () => {
  for (const envoy of envoys) await envoy.stop();
  await wall?.stop();
  application.close();
  rmSync(folder, { recursive: true, force: true });
});

const agent = new Agent({ keepAlive: true, maxSockets: 16 });
function one(): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port: toApi, agent }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    });
    call.on('error', reject);
    call.end();
  });
}

async function cellwall(...args: readonly string[]): Promise<string> {
  const env = {
    CELLWALL_ADMIN: `127.0.0.1:${wall.adminPort}`,
    CELLWALL_ADMIN_TOKEN_FILE: join(wall.folder, 'data', 'admin.token'),
  };
  const { code, stdout, stderr } = await runCli(args, { env });
  expect(code, stderr).toBe(0);
  return stdout;
}

async function report(): Promise<MtlsReport> {
  return verifyReportFile(await cellwall('audit', 'mtls', '--since', '1h', '-o', 'json'), bundle).report;
}

test(`${calls} calls by mTLS, and one in plaintext`, async () => {
  let made = 0;
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      while (made < calls) {
        made++;
        expect(await one()).toBe(200);
      }
    }),
  );
  const counted = (): Promise<MtlsReport> =>
    eventually(
      'all are counted',
      async () => {
        const found = await report();
        return found.totals.mtls > calls ? found : undefined;
      },
      60_000,
    );
  const before = await counted();
  expect(before.totals).toMatchObject({ plaintext: 0, oneWayTls: 0, legacy: 0, denied: 0 });
  expect(before.anonymous).toEqual([]);
  expect(before.edges.filter(({ state }) => state === 'insecure')).toEqual([]);
  // What began before the first proxy was there is not claimed to be secure, nor what nobody called.
  expect(before.edges.find(({ caller, service }) => caller === 'web' && service === 'api')?.state).toBe('partly-known');
  expect(before.edges.find(({ service }) => service === 'idle')?.state).toBe('unknown');

  const madeAt = Date.now();
  expect(
    statusOf(await exchange({ port: direct, bytes: 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' })),
  ).toBe(200);
  const after = await eventually(
    'it is counted',
    async () => {
      const found = await report();
      return found.totals.plaintext > 0 ? found : undefined;
    },
    20_000,
  );
  expect(after.totals).toMatchObject({ plaintext: 1, mtls: before.totals.mtls });
  expect(after.anonymous).toEqual([
    { service: 'api', connected: 'plaintext', peer: '127.0.0.1', calls: 1, denied: 0, lastSeen: expect.any(Number) },
  ]);
  const lastSeen = after.anonymous[0]?.lastSeen ?? 0;
  expect(Math.abs(lastSeen - madeAt)).toBeLessThan(10_000);
  expect(after.edges[0]).toMatchObject({ state: 'insecure', service: 'api', caller: 'plaintext', calls: 1 });
  figure('callsByMtls', after.totals.mtls);
  figure('callsInPlaintextFound', after.totals.plaintext);
  figure('foundAfterMs', lastSeen - madeAt);

  const roots = join(folder, 'roots.pem');
  writeFileSync(roots, bundle);
  for (const form of ['table', ...reportFormats]) {
    const text = await cellwall('audit', 'mtls', '-o', form);
    expect(text, form).toContain('127.0.0.1');
    expect(text, form).toContain('insecure');
    // Rounded up it would be all of them.
    expect(text, form).not.toContain('(100 %)');
    if (form === 'table') continue;
    const path = join(folder, `report.${form}`);
    writeFileSync(path, text);
    expect(await cellwall('audit', 'verify-report', path, '--bundle', roots)).toContain(
      'signed by spiffe://td1/cellwall/report',
    );
  }
}, 240_000);

test('a time that is not on record is refused', async () => {
  await expect(wall.admin.mtlsReport('90d')).rejects.toThrow(/31 days/);
});
