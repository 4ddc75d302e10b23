// Two replicas of a service, restarted one after the other under load by a caller's Envoy: no call fails, on new connections and on
// open ones, as each is gone from the caller's Envoy before it stops to listen. And the ways in which that could be undone.
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { readStats } from '../../src/sidecar/envoy/read-stats.ts';
import { runSidecar, type Sidecar } from '../../src/sidecar/run-sidecar.ts';
import { startHttp1Echo, startHttp2Echo, startTcpEcho } from '../support/echo-application.ts';
import { eventually } from '../support/eventually.ts';
import { freePorts } from '../support/free-ports.ts';
import { startGrpcBackend } from '../support/grpc-unary.ts';
import { type Protocol, protocolLoad, protocols } from '../support/protocol-load.ts';
import { policyText, serviceText, yaml } from '../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../support/serve-harness.ts';

let wall: ServeHarness;
let application: { readonly port: number; stop(): unknown };
let outbound = 0;
let ports: readonly number[] = [];
let caller: Sidecar;
const sidecars = new Set<Sidecar>();

async function begin(protocol: Protocol, replicas: number): Promise<void> {
  application = await { http1: startHttp1Echo, http2: startHttp2Echo, grpc: startGrpcBackend, tcp: startTcpEcho }[
    protocol
  ]();
  const [first = 0, ...others] = await freePorts(replicas + 1);
  outbound = first;
  ports = others;
  wall = await startServe(
    yaml(
      'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: strict}}',
      serviceText('api', protocol),
      serviceText('web', 'http1', `, dependsOn: [{service: api, listen: ${outbound}}]`),
      policyText('api', 'api', 'allow', '[{from: [{service: web}]}]'),
    ),
  );
  for (const port of ports) await replica(port);
  caller = await sidecar('web', 'web');
  await eventually('all serve', async () => (await endpoints()).length === replicas || undefined, 30_000);
  await eventually('the caller listens', async () => (await listens(outbound)) || undefined, 30_000);
}

async function sidecar(service: string, name: string, inbound?: number): Promise<Sidecar> {
  const { token } = await wall.admin.createToken({ service });
  const started = await runSidecar({
    identity: `127.0.0.1:${wall.identityPort}`,
    xds: `127.0.0.1:${wall.xdsPort}`,
    token: new Redacted(token),
    dataDir: join(wall.folder, name),
    ...(inbound === undefined ? {} : { inbound: `127.0.0.1:${inbound}`, application: `127.0.0.1:${application.port}` }),
    env: process.env,
    log: silentLog,
    envoyWords: { write() {} },
    drainSeconds: 5,
  });
  sidecars.add(started);
  void started.exited.then(() => sidecars.delete(started));
  return started;
}

const replica = (port: number): Promise<Sidecar> => sidecar('api', `api-${port}`, port);

beforeEach(() => sidecars.clear());

afterEach(async () => {
  for (const { envoyPid } of sidecars) process.kill(envoyPid, 'SIGKILL');
  await Promise.all([...sidecars].map(({ exited }) => exited));
  await application?.stop();
  await wall?.stop();
});

/** Of the service, as the caller's Envoy has them: ports. */
async function endpoints(): Promise<readonly number[]> {
  const admin = caller.admin();
  if (admin === undefined) return [];
  const text = await readStats(admin, '/clusters').catch(() => '');
  const found = [...text.matchAll(/::127\.0\.0\.1:(\d+)::cx_active::/g)].map(([, port]) => Number(port));
  return found.filter((port) => ports.includes(port));
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

const gone = (port: number): Promise<true> =>
  eventually(`${port} is no endpoint`, async () => (await endpoints()).includes(port) === false || undefined);
const back = (port: number): Promise<true> =>
  eventually(`${port} is an endpoint`, async () => (await endpoints()).includes(port) || undefined, 20_000);

describe('a rolling restart', () => {
  it.each(protocols)(
    'of two replicas loses no call (%s)',
    async (protocol) => {
      await begin(protocol, 2);
      const calls = protocolLoad(protocol, outbound);
      for (const port of ports) {
        const running = [...sidecars].filter((one) => one !== caller)[0];
        const stopping = running?.stop();
        await gone(port);
        expect(await listens(port)).toBe(true);
        expect(await stopping).toBe(0);
        // The other one alone.
        await eventually('it listens no more', async () => !(await listens(port)) || undefined);
        await replica(port);
        await back(port);
      }
      const { fine, failed } = await calls.end();
      expect(failed).toEqual([]);
      expect(fine).toBeGreaterThan(100);
      // Nor was a replica tried in vain.
      const admin = caller.admin();
      const counts = admin === undefined ? '' : await readStats(admin, '/stats?filter=upstream_cx_connect_fail$');
      expect(counts).toMatch(/^cluster\..*api.*: 0$/m);
      expect(counts).not.toMatch(/api.*: [1-9]/);
    },
    90_000,
  );
});
