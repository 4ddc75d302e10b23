// Calls between real Envoys while the Redis of their control plane is away, comes back empty or is emptied, and the control plane is
// restarted meanwhile: none fails, nothing that was accepted is lost, and all is as before without anybody's help.
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { runSidecar, type Sidecar } from '../../src/sidecar/run-sidecar.ts';
import { startHttp1Echo, startTcpEcho } from '../support/echo-application.ts';
import { eventually } from '../support/eventually.ts';
import { figure } from '../support/figure.ts';
import { freePorts } from '../support/free-ports.ts';
import { startGrpcBackend } from '../support/grpc-unary.ts';
import { type Protocol, protocolLoad } from '../support/protocol-load.ts';
import { policyText, serviceText, yaml } from '../support/resolve-text.ts';
import { type ServeProcess, startServeProcess } from '../support/serve-process.ts';
import { startValkey, type Valkey } from '../support/valkey.ts';

const protocols: readonly Protocol[] =
  process.env['CELLWALL_QUALIFY'] === '1' ? ['http1', 'http2', 'grpc', 'tcp'] : ['http1'];
const applications = { http1: startHttp1Echo, grpc: startGrpcBackend, tcp: startTcpEcho, http2: startGrpcBackend };

let valkey: Valkey;
let redis: Redis;
let serve: ServeProcess;
const closers: (() => unknown)[] = [];

beforeEach(async () => {
  valkey = await startValkey(['--loglevel', 'warning']);
  redis = new Redis(valkey.url, { retryStrategy: () => 50 });
  redis.on('error', () => {});
});
afterEach(async () => {
  valkey.child?.kill('SIGCONT');
  for (const close of closers.splice(0).reverse()) await close();
  await serve?.stop();
  redis.disconnect();
  await valkey.stop();
});

async function sidecar(
  service: string,
  ports: { readonly inbound?: number; readonly application?: number } = {},
  token?: string,
) {
  const at = (port: number | undefined) => (port === undefined ? undefined : `127.0.0.1:${port}`);
  const started = await runSidecar({
    ...{ identity: `127.0.0.1:${serve.ports.identity}`, xds: `127.0.0.1:${serve.ports.xds}` },
    ...(token === undefined ? {} : { token: new Redacted(token) }),
    dataDir: join(serve.folder, service),
    ...(ports.inbound === undefined ? {} : { inbound: at(ports.inbound), application: at(ports.application) }),
    ...{ env: process.env, log: silentLog, envoyWords: { write() {} }, drainSeconds: 1 },
  });
  closers.push(() => end(started));
  return started;
}

async function end({ envoyPid, exited }: Sidecar): Promise<void> {
  try {
    process.kill(envoyPid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
  await exited;
}

const token = async (service: string): Promise<string> => (await serve.admin.createToken({ service })).token;
const get = async (path: string): Promise<string> => (await fetch(serve.url + path)).text();
const storeTrouble = async () => (await serve.admin.status()).storeTrouble?.kind ?? 'none';
const events = async () => (await serve.admin.audit()).records.map(({ event }) => event);
const connected = async (count: number): Promise<true> =>
  eventually(
    `${count} proxies`,
    async () => ((await serve.admin.status()).proxies.connected === count ? true : undefined),
    40_000,
  );
const revision = async () => (await serve.admin.status()).revision ?? 0;

/** Of Redis as it is: a deny and its end, which nobody is hit by. */
async function edits(): Promise<void> {
  const before = await revision();
  await serve.admin.apply({ text: yaml(serviceText('another')) });
  await serve.admin.apply({ changes: [{ op: 'delete', key: 'Service/another' }] });
  expect(await revision()).toBe(before + 2);
}

it.each(protocols)(
  'no call fails, nothing is lost, and it recovers by itself (%s)',
  async (protocol) => {
    const application = await applications[protocol]();
    closers.push(() => application.stop());
    const [outbound = 0, inbound = 0] = await freePorts(2);
    serve = await startServeProcess(
      yaml(
        'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: strict}}',
        serviceText('api', protocol),
        serviceText('web', 'http1', `, dependsOn: [{service: api, listen: ${outbound}}]`),
        serviceText('late'),
        policyText('api', 'api', 'allow', '[{from: [{service: web}]}]'),
      ),
      { redis: valkey.url },
    );
    await sidecar('api', { inbound, application: application.port }, await token('api'));
    await sidecar('web', {}, await token('web'));
    const late = await sidecar('late', {}, await token('late'));
    await connected(3);
    await eventually(
      'calls work',
      async () => {
        const load = protocolLoad(protocol, outbound);
        await new Promise((resolve) => setTimeout(resolve, 300));
        const { fine, failed } = await load.end();
        return fine > 0 && failed.length === 0 ? true : undefined;
      },
      40_000,
    );
    const load = protocolLoad(protocol, outbound);
    const inForce = JSON.stringify((await serve.admin.documents()).documents);

    // Hanging, and then killed, over a restart of the control plane.
    valkey.child?.kill('SIGSTOP');
    await eventually('it is told', async () => ((await storeTrouble()) === 'away' ? true : undefined), 20_000);
    expect(JSON.parse(await get('/readyz'))).toMatchObject({
      ready: true,
      stale: expect.stringContaining('away since'),
    });
    expect(await get('/metrics')).toContain('cellwall_store_stale 1');
    await expect(serve.admin.apply({ text: yaml(serviceText('more')) })).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('documents cannot be changed now: Redis does not answer in time'),
    });
    await serve.restart();
    expect(await storeTrouble()).toBe('away');
    await connected(3);
    // A host that joined before starts anew, without a token.
    await end(late);
    await sidecar('late');
    await connected(3);
    await valkey.restart();
    await eventually('it is back', async () => ((await storeTrouble()) === 'none' ? true : undefined), 20_000);
    await eventually(
      'all is there again',
      async () => (await redis.hlen('cellwall:documents')) === 5 || undefined,
      20_000,
    );
    await eventually(
      'the mark too',
      async () => (await redis.exists('cellwall:table:authority:root')) === 1 || undefined,
    );
    await eventually('it is on record', async () =>
      (await events()).some((event) => event.kind === 'store-restored' && event.documents) ? true : undefined,
    );
    expect(JSON.parse(await get('/readyz'))).toEqual({ ready: true, reasons: [] });
    expect((await serve.admin.status()).problems).toEqual([]);
    expect(JSON.stringify((await serve.admin.documents()).documents)).toBe(inForce);
    await edits();

    // Emptied, and restarted before anybody can have noticed; and emptied again, and restarted when it was mended.
    await redis.flushall();
    await serve.restart();
    await connected(3);
    await eventually(
      'the leases are there',
      async () => (await redis.keys('cellwall:table:leases:*')).length >= 3 || undefined,
      20_000,
    );
    await eventually(
      'all is there again',
      async () => (await redis.hlen('cellwall:documents')) === 5 || undefined,
      20_000,
    );
    await redis.flushall();
    await eventually(
      'all is there again',
      async () => (await redis.hlen('cellwall:documents')) === 5 || undefined,
      20_000,
    );
    await serve.restart();
    await connected(3);
    await edits();

    const { fine, failed } = await load.end();
    figure(`${protocol}-fine`, fine);
    figure(`${protocol}-failed`, failed.length);
    expect(failed).toEqual([]);
    expect(fine).toBeGreaterThan(200);
  },
  240_000,
);
