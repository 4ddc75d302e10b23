// Two control planes on one Redis, and real Envoys that know both: one is killed, one hangs, both are restarted one after the other. No
// call fails, and every stream is at the other one within 5 s.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { temporaryFolder } from '../../src/lib/temporary-folder.ts';
import { readStats } from '../../src/sidecar/envoy/read-stats.ts';
import { runSidecar, type Sidecar } from '../../src/sidecar/run-sidecar.ts';
import { inOneOfItsOwn } from '../adversary/store/redis-wall-runs.ts';
import { startHttp1Echo, startTcpEcho } from '../support/echo-application.ts';
import { eventually } from '../support/eventually.ts';
import { figure, qualifying } from '../support/figure.ts';
import { freePorts } from '../support/free-ports.ts';
import { startGrpcBackend } from '../support/grpc-unary.ts';
import { type Protocol, protocolLoad } from '../support/protocol-load.ts';
import { type Replica, startReplicas } from '../support/replicas.ts';
import { policyText, serviceText, yaml } from '../support/resolve-text.ts';

const protocols: readonly Protocol[] = qualifying ? ['http1', 'grpc', 'tcp'] : ['http1'];
const applications = { http1: startHttp1Echo, grpc: startGrpcBackend, tcp: startTcpEcho, http2: startGrpcBackend };
const hangSeconds = qualifying ? 30 : 6;
const boundMs = qualifying ? 5000 : 20_000;
const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

it('streams move, and calls go on', async () => {
  const listens = await freePorts(protocols.length * 2);
  const outbound = (index: number): number => listens[index] ?? 0;
  const replicas = await startReplicas(
    yaml(
      'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: strict}}',
      ...protocols.map((protocol) => serviceText(protocol, protocol)),
      ...protocols.map((protocol) => policyText(protocol, protocol, 'allow', '[{from: [{service: web}]}]')),
      serviceText(
        'web',
        'http1',
        `, dependsOn: [${protocols.map((protocol, index) => `{service: ${protocol}, listen: ${outbound(index)}}`).join(', ')}]`,
      ),
    ),
    2,
    inOneOfItsOwn,
  );
  closers.push(() => replicas.stop());
  const [first, second] = replicas.all;
  if (first === undefined || second === undefined) throw new Error('there are two');
  const folder = temporaryFolder('failover');
  closers.push(() => rmSync(folder, { recursive: true, force: true }));
  const at = (port: number): string => `127.0.0.1:${port}`;
  const sidecars: Sidecar[] = [];
  const start = async (service: string, more: { inbound?: string; application?: string } = {}): Promise<void> => {
    const sidecar = await runSidecar({
      identity: replicas.all.map(({ ports }) => at(ports.identity)).join(),
      xds: replicas.all.map(({ ports }) => at(ports.xds)).join(),
      token: new Redacted((await first.admin.createToken({ service })).token),
      ...{ dataDir: join(folder, service), ...more, drainSeconds: 0 },
      ...{ env: process.env, log: silentLog, envoyWords: { write() {} } },
    });
    closers.push(() => sidecar.stop());
    sidecars.push(sidecar);
  };
  for (const [index, protocol] of protocols.entries()) {
    const application = await applications[protocol]();
    closers.push(() => application.stop());
    await start(protocol, { inbound: at(outbound(protocols.length + index)), application: at(application.port) });
  }
  await start('web');
  const works = async (): Promise<true | undefined> => {
    const tried = protocols.map((protocol, index) => protocolLoad(protocol, outbound(index)));
    await eventually('calls', () => tried.every((load) => load.fine() > 2) || undefined, 3000).catch(() => undefined);
    const ends = await Promise.all(tried.map((load) => load.end()));
    return ends.every(({ fine, failed }) => fine > 2 && failed.length === 0) || undefined;
  };
  await eventually('calls work', works, 40_000);

  /** The port of the control plane to which each has its stream. */
  const streams = async (): Promise<readonly (string | undefined)[]> =>
    Promise.all(
      sidecars.map(async ({ admin }) => {
        const address = admin();
        if (address === undefined) return undefined;
        const clusters = await readStats(address, '/clusters?filter=^cellwall$');
        return /^cellwall::127\.0\.0\.1:(\d+)::rq_active::[1-9]/m.exec(clusters)?.[1];
      }),
    );
  const allAt = async (replica: Replica): Promise<number> => {
    const since = performance.now();
    const port = String(replica.ports.xds);
    const all = async (): Promise<true | undefined> => (await streams()).every((one) => one === port) || undefined;
    await eventually('all streams are at the other one', all, 30_000);
    return performance.now() - since;
  };
  const loads = protocols.map((protocol, index) => protocolLoad(protocol, outbound(index)));

  process.kill(first.pid ?? 0, 'SIGKILL');
  const killed = await allAt(second);
  await first.end().catch(() => undefined);
  await first.start();

  process.kill(second.pid ?? 0, 'SIGSTOP');
  const hanging = performance.now();
  const hung = await allAt(first);
  await eventually('it hangs long', () => performance.now() - hanging > hangSeconds * 1000 || undefined, 60_000);
  process.kill(second.pid ?? 0, 'SIGCONT');

  let restarted = 0;
  for (const [going, staying] of [
    [first, second],
    [second, first],
  ] as const) {
    await eventually('the other one is ready', async () => (await staying.admin.status()).revision, 20_000);
    await going.end();
    restarted = Math.max(restarted, await allAt(staying));
    await going.start();
  }

  const ends = await Promise.all(loads.map((load) => load.end()));
  const failed = ends.flatMap((one) => one.failed);
  figure(
    'calls',
    ends.reduce((sum, { fine }) => sum + fine, 0),
  );
  figure('failedCalls', failed.length);
  figure('movedAfterKillMs', Math.round(killed));
  figure('movedFromHangingMs', Math.round(hung));
  figure('movedAfterStopMs', Math.round(restarted));
  expect(failed).toEqual([]);
  expect(Math.max(killed, hung, restarted)).toBeLessThan(boundMs);
}, 240_000);
