// Two replicas of a service, restarted one after the other under load by a caller's Envoy: no call fails, on new connections and on
// open ones, as each is gone from the caller's Envoy before it stops to listen. And the ways in which that could be undone.
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
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
import { grpcUnary, startGrpcBackend } from '../support/grpc-unary.ts';
import { httpCall } from '../support/http-call.ts';
import { openCall } from '../support/open-call.ts';
import { policyText, serviceText, yaml } from '../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../support/serve-harness.ts';

type Protocol = 'http1' | 'http2' | 'grpc' | 'tcp';

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

interface Load {
  /** How many calls went well; throws if one failed. */
  end(): Promise<number>;
}

/** Calls without a pause on connections that stay, and on new ones. */
function load(protocol: Protocol): Load {
  let going = true;
  let fine = 0;
  const failed: string[] = [];
  const loop = async (call: () => Promise<void>): Promise<void> => {
    while (going) {
      try {
        await call();
        fine += 1;
      } catch (reason) {
        failed.push(String(reason));
        if (failed.length > 20) return;
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const sessions: ClientHttp2Session[] = [];
  const session = (): ClientHttp2Session => {
    const made = connectHttp2(`http://127.0.0.1:${outbound}`).on('error', () => undefined);
    sessions.push(made);
    return made;
  };
  const over = async (call: (session: ClientHttp2Session) => Promise<void>): Promise<void> => {
    const fresh = session();
    await call(fresh).finally(() => fresh.close());
  };
  const kinds: Record<Protocol, () => readonly (() => Promise<void>)[]> = {
    http1: () => [
      async () => expectThat((await httpCall({ port: outbound })).status, 200),
      async () => {
        const answer = await fetch(`http://127.0.0.1:${outbound}/`);
        await answer.arrayBuffer();
        expectThat(answer.status, 200);
      },
    ],
    http2: () => {
      const open = session();
      return [() => over(http2Call), () => http2Call(open)];
    },
    grpc: () => {
      const open = session();
      const call = async (on: ClientHttp2Session): Promise<void> =>
        expectThat(await grpcUnary(on, 'a.B/C', Buffer.alloc(0)), '0');
      return [() => over(call), () => call(open)];
    },
    tcp: () => [
      async () => {
        const open = openCall({ kind: 'tcp', port: outbound });
        await open.echo('one').finally(() => open.close());
      },
      // Longer than what leads to the drain, shorter than the drain.
      async () => {
        const open = openCall({ kind: 'tcp', port: outbound });
        const text = 'a word in a conversation of two seconds';
        for (let turn = 0; turn < 40; turn += 1) {
          await open.echo(`${text} ${turn}\n`);
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
        open.close();
      },
    ],
  };
  const loops = kinds[protocol]().map(loop);
  return {
    async end() {
      going = false;
      await Promise.all(loops);
      for (const open of sessions) open.destroy();
      expect(failed).toEqual([]);
      return fine;
    },
  };
}

function expectThat(found: unknown, wanted: unknown): void {
  if (found !== wanted) throw new Error(`${String(found)} in place of ${String(wanted)}`);
}

function http2Call(on: ClientHttp2Session): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = on.request({ ':path': '/' });
    let status: unknown;
    stream.on('response', (headers) => {
      status = headers[':status'];
    });
    stream.on('error', reject);
    stream.on('close', () => (status === 200 ? resolve() : reject(new Error(`status ${String(status)}`))));
    stream.resume().end();
  });
}

describe('a rolling restart', () => {
  it.each<Protocol>(['http1', 'http2', 'grpc', 'tcp'])(
    'of two replicas loses no call (%s)',
    async (protocol) => {
      await begin(protocol, 2);
      const calls = load(protocol);
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
      expect(await calls.end()).toBeGreaterThan(100);
      // Nor was a replica tried in vain.
      const admin = caller.admin();
      const counts = admin === undefined ? '' : await readStats(admin, '/stats?filter=upstream_cx_connect_fail$');
      expect(counts).toMatch(/^cluster\..*api.*: 0$/m);
      expect(counts).not.toMatch(/api.*: [1-9]/);
    },
    90_000,
  );
});
