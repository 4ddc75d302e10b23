// The root of the CA is replaced again and again while a real nginx, fed by files, is called by a sidecar's Envoy and calls another one's:
// no call fails.
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import { findEnvoy } from '../../src/sidecar/envoy/envoy-binary.ts';
import { startHttp1Echo } from '../support/echo-application.ts';
import { eventually } from '../support/eventually.ts';
import { figure, qualifying } from '../support/figure.ts';
import { type FileFedNginx, startFileFedNginx } from '../support/file-fed-nginx.ts';
import { freePorts } from '../support/free-ports.ts';
import { httpCall } from '../support/http-call.ts';
import { keepLoad } from '../support/protocol-load.ts';
import { policyText, workloadText, yaml } from '../support/resolve-text.ts';
import { rotated } from '../support/root-rotations.ts';
import { type ServeProcess, startServeProcess } from '../support/serve-process.ts';
import { startSidecarProcess } from '../support/sidecar-process.ts';

const enough = qualifying ? Number(process.env['CELLWALL_ROTATION_CALLS'] ?? 20_000) : 200;
const lifetimeMs = qualifying ? 40_000 : 20_000;
const id = 'spiffe://td1/service/files';
const closers: (() => unknown)[] = [];
let serve: ServeProcess;
let nginx: FileFedNginx;
let toNginx = 0;
let front = 0;

beforeAll(async () => {
  const application = await startHttp1Echo();
  closers.push(() => application.stop());
  const [outbound = 0, server = 0, plain = 0, inbound = 0] = await freePorts(4);
  [toNginx, front] = [outbound, plain];
  serve = await startServeProcess(
    yaml(
      `kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: strict}, svid: {lifetime: ${lifetimeMs}ms}}`,
      `kind: Service\nmetadata: {name: files}\nspec: {protocol: http1, endpoints: {static: [{address: 127.0.0.1, port: ${server}}]}}`,
      `kind: Service\nmetadata: {name: web}\nspec: {protocol: http1, dependsOn: [{service: files, listen: ${outbound}}]}`,
      'kind: Service\nmetadata: {name: api}\nspec: {protocol: http1}',
      workloadText('api', '{identity: {service: api}, dnsNames: [api.test]}'),
      policyText('api', 'api', 'allow', '[{from: [{service: files}]}]'),
    ),
  );
  closers.push(() => serve.stop());
  const envoy = await findEnvoy({ env: process.env, log: silentLog });
  const identity = `127.0.0.1:${serve.ports.identity}`;
  const sidecar = async (service: string, args: readonly string[]): Promise<void> => {
    const { token } = await serve.admin.createToken({ service, ttl: '30s' });
    const started = startSidecarProcess(
      [
        ...['--service', service, '--data', join(serve.folder, service), '--drain-seconds', '0'],
        ...['--identity-address', identity, '--xds-address', `127.0.0.1:${serve.ports.xds}`, '--envoy-bin', envoy],
        ...args,
      ],
      { CELLWALL_TOKEN: token },
    );
    closers.push(async () => {
      started.signal('SIGTERM');
      await started.exited;
    });
    await started.envoy();
  };
  await sidecar('api', ['--listen', `127.0.0.1:${inbound}`, '--app', `127.0.0.1:${application.port}`]);
  await sidecar('web', []);
  const { token } = await serve.admin.createToken({ spiffeId: id });
  nginx = await startFileFedNginx({
    ...{ identity, spiffeId: id, token, folder: join(serve.folder, 'nginx') },
    ...{ server, front: plain, upstream: inbound, upstreamName: 'api.test' },
  });
  closers.push(() => nginx.stop());
}, 120_000);
afterAll(async () => {
  for (const close of closers.splice(0).reverse()) await close();
}, 60_000);

async function call(port: number): Promise<void> {
  const { status, body } = await httpCall({ port });
  if (status !== 200) throw new Error(`${status}: ${body.slice(0, 200)}`);
}

test('an nginx that is fed by files serves the mesh and calls it through every rotation', async () => {
  for (const port of [toNginx, front]) {
    let why = '';
    const works = async (): Promise<true | undefined> => {
      why = await call(port).then(() => '', String);
      return why === '' || undefined;
    };
    await eventually('it is called', works, 30_000).catch((reason: unknown) => {
      throw new Error(`${String(reason)}: ${why}: ${nginx.log().slice(0, 3000)}`);
    });
  }
  for (const isRotating of qualifying ? [false, true] : [true]) {
    const what = isRotating ? 'rotating' : 'control';
    const kept = async (port: number): Promise<void> => {
      const answer = await fetch(`http://127.0.0.1:${port}/`);
      await answer.arrayBuffer();
      if (answer.status !== 200) throw new Error(`status ${answer.status}`);
    };
    // On connections of their own, and on one that stays open to the sidecar.
    const loads = [
      ['as a server', keepLoad([() => call(toNginx), () => kept(toNginx)])],
      // Each is two handshakes: four at a time, to be as many as the others.
      ['as a client', keepLoad(Array.from({ length: 4 }, () => () => call(front)))],
    ] as const;
    const wanted = isRotating ? enough : enough / 10;
    let rotations = 0;
    while (rotations === 0 || loads.some(([, load]) => load.fine() < wanted)) {
      if (isRotating) {
        const { last } = await serve.admin.ca();
        await serve.admin.rotateRoot({ quiet: '1s' });
        expect((await rotated(serve, last, 120_000)).last).toMatchObject({ outcome: 'rotated', cut: [] });
      } else await new Promise((resolve) => setTimeout(resolve, 1000));
      rotations += 1;
    }
    for (const [role, load] of loads) {
      const { fine, failed } = await load.end();
      figure(`${what} ${role} requests`, fine);
      figure(`${what} ${role} failed`, failed.length);
      expect([what, role, failed, failed.length === 0 ? '' : nginx.log().slice(-2000)]).toEqual([what, role, [], '']);
    }
    if (isRotating) figure('rotations', rotations);
  }
}, 1_200_000);
