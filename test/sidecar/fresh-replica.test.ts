// Control planes that have nothing but a real Redis and the bootstrap secret, each a process of its own, under real Envoys: two that start
// at once on an empty Redis make one root; one whose data folder is gone is one of the same CA again; another secret is refused. No call
// fails.
import { X509Certificate } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { newBootstrapSecret } from '../../src/identity/bootstrap-secret.ts';
import { writeSecretFile } from '../../src/identity/secret-file.ts';
import { fromPem } from '../../src/identity/x509/pem.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { temporaryFolder } from '../../src/lib/temporary-folder.ts';
import { runSidecar } from '../../src/sidecar/run-sidecar.ts';
import { inOneOfItsOwn } from '../adversary/store/redis-wall-runs.ts';
import { startHttp1Echo, startTcpEcho } from '../support/echo-application.ts';
import { eventually } from '../support/eventually.ts';
import { figure, qualifying } from '../support/figure.ts';
import { freePorts } from '../support/free-ports.ts';
import { startGrpcBackend } from '../support/grpc-unary.ts';
import { type Protocol, protocolLoad } from '../support/protocol-load.ts';
import { type Replica, startReplicas } from '../support/replicas.ts';
import { policyText, serviceText, yaml } from '../support/resolve-text.ts';

const protocols: readonly Protocol[] = qualifying ? ['http1', 'http2', 'grpc', 'tcp'] : ['http1'];
const applications = { http1: startHttp1Echo, grpc: startGrpcBackend, tcp: startTcpEcho, http2: startGrpcBackend };
const rounds = qualifying ? 3 : 1;
const id = 'spiffe://td1/service/web';
const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

it('fresh control planes are of one CA, and calls go on while one takes the place of another', async () => {
  const listens = await freePorts(protocols.length * 2);
  const outbound = (index: number): number => listens[index] ?? 0;
  const calls = protocols.map((protocol, index) => `{service: ${protocol}, listen: ${outbound(index)}}`).join(', ');
  const replicas = await startReplicas(
    yaml(
      'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: strict}}',
      ...protocols.map((protocol) => serviceText(protocol, protocol)),
      ...protocols.map((protocol) => policyText(protocol, protocol, 'allow', '[{from: [{service: web}]}]')),
      serviceText('web', 'http1', `, dependsOn: [${calls}]`),
    ),
    2,
    inOneOfItsOwn,
    { bootstrap: true },
  );
  closers.push(() => replicas.stop());
  const [first, second] = replicas.all;
  if (first === undefined || second === undefined) throw new Error('there are two');
  const roots = new Set<string | undefined>();
  /** The fingerprints of the root, and of the intermediate that signs there. */
  const authorityOf = async (replica: Replica): Promise<string> => {
    const { certificate, root } = await replica.enrol(id);
    const [, issuer = Buffer.alloc(0)] = fromPem(certificate, 'CERTIFICATE');
    const [of, by] = [new X509Certificate(root), new X509Certificate(issuer)].map((one) => one.fingerprint256);
    roots.add(of);
    return `${of} ${by}`;
  };
  const authority = await authorityOf(first);
  expect(await authorityOf(second)).toBe(authority);

  const folder = temporaryFolder('fresh');
  closers.push(() => rmSync(folder, { recursive: true, force: true }));
  const at = (port: number): string => `127.0.0.1:${port}`;
  const start = async (service: string, more: { inbound?: string; application?: string } = {}): Promise<void> => {
    const sidecar = await runSidecar({
      identity: replicas.all.map(({ ports }) => at(ports.identity)).join(),
      xds: replicas.all.map(({ ports }) => at(ports.xds)).join(),
      token: new Redacted((await first.admin.createToken({ service })).token),
      ...{ dataDir: join(folder, service), ...more, drainSeconds: 0 },
      ...{ env: process.env, log: silentLog, envoyWords: { write() {} } },
    });
    closers.push(() => sidecar.stop());
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
  const loads = protocols.map((protocol, index) => protocolLoad(protocol, outbound(index)));

  let slowest = 0;
  for (let round = 0; round < rounds; round += 1) {
    for (const fresh of [second, first]) {
      await fresh.end();
      rmSync(join(fresh.folder, 'data'), { recursive: true });
      mkdirSync(join(fresh.folder, 'data'), { mode: 0o700 });
      const since = performance.now();
      await fresh.start();
      slowest = Math.max(slowest, performance.now() - since);
      expect(await authorityOf(fresh)).toBe(authority);
      // Every SVID is issued anew, by whichever has the stream.
      for (const { admin } of replicas.all) await admin.rotate();
    }
  }

  const wrong = join(folder, 'bootstrap-secret-wrong');
  writeSecretFile(wrong, newBootstrapSecret().reveal());
  const [xds = 0, identity = 0, admin = 0] = await freePorts(3);
  const stranger = { url: replicas.valkey.url, folder: join(folder, 'stranger'), ports: { xds, identity, admin } };
  mkdirSync(join(stranger.folder, 'data'), { recursive: true, mode: 0o700 });
  await expect(inOneOfItsOwn({ ...stranger, bootstrapSecret: wrong })).rejects.toThrow('another bootstrap secret');
  expect(await authorityOf(first)).toBe(authority);

  const ends = await Promise.all(loads.map((load) => load.end()));
  const failed = ends.flatMap((one) => one.failed);
  figure(
    'calls',
    ends.reduce((sum, { fine }) => sum + fine, 0),
  );
  figure('failedCalls', failed.length);
  figure('freshStarts', rounds * 2 + 2);
  figure('slowestFreshStartMs', Math.round(slowest));
  figure('roots', roots.size);
  expect(roots.size).toBe(1);
  expect(failed).toEqual([]);
}, 240_000);
