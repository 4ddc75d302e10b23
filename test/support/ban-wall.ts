// A control plane with two hosts of one identity: one whose certificate the test has, as somebody who took it would, and one that is a real
// sidecar; three services behind real Envoys, which they call; and other proxies that only subscribe and accept.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent, createServer as createHttp1Server, request as requestPlain } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { request as requestTls, Agent as TlsAgent } from 'node:https';
import { type AddressInfo, connect as connectTcp, createServer as createTcpServer, type Server } from 'node:net';
import { join } from 'node:path';
import { nodeKeyOf } from '../../src/identity/x509/node-key-extension.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { parseSpiffeId } from '../../src/model/spiffe-id.ts';
import type { ServiceKey } from '../../src/policy/ir.ts';
import { portOf } from '../../src/policy/ports.ts';
import { runSidecar, type Sidecar } from '../../src/sidecar/run-sidecar.ts';
import { callerServerName } from '../../src/translate/inbound/caller-chains.ts';
import { typeUrls } from '../../src/xds/resources/type-url.ts';
import { eventually } from './eventually.ts';
import { freePorts } from './free-ports.ts';
import { type OpenCall, openCall } from './open-call.ts';
import { createRawXdsClient, type DeltaStream } from './raw-xds-client.ts';
import { meshOf, policyText, serviceText, yaml } from './resolve-text.ts';
import { type ServeHarness, startServe } from './serve-harness.ts';
import type { TestCertificate } from './test-ca.ts';

export const callerId = 'spiffe://td1/service/caller';
const kinds = ['http1', 'grpc', 'tcp'] as const;
type Kind = (typeof kinds)[number];

export interface BanWall {
  readonly wall: ServeHarness;
  /** Node key of the host whose certificate the test has. */
  readonly host: string;
  readonly folder: string;
  /** One request of that host on its open connection: the status, 0 without an answer. */
  ask(): Promise<number>;
  /** Streams and TCP connections of that host, in its own chains and in those that callers share. */
  open(): Promise<readonly OpenCall[]>;
  /** Whether a new TCP connection of that host reaches the application. */
  tcpPasses(): Promise<boolean>;
  /** A proxy's stream of that host; answers once it has what it is sent. */
  stream(): Promise<DeltaStream>;
  /** Calls of the other host so far, and those that failed. */
  beside(): { readonly calls: number; readonly failed: readonly string[] };
  stop(): Promise<void>;
}

/** `idle`: how many proxies besides the four real ones. */
export async function startBanWall(idle: number): Promise<BanWall> {
  const outbound = await freePorts(kinds.length);
  const inbound = await freePorts(kinds.length);
  const names = Array.from({ length: idle }, (_, index) => `idle-${index}`);
  const documents = documentsOf(outbound, names);
  const wall = await startServe(documents);
  const closing: (() => unknown)[] = [];
  const sidecars: Sidecar[] = [];
  const start = async (service: string, more: object): Promise<void> => {
    const { token } = await wall.admin.createToken({ service });
    const started = await runSidecar({
      ...{ identity: `127.0.0.1:${wall.identityPort}`, xds: `127.0.0.1:${wall.xdsPort}` },
      ...{ token: new Redacted(token), dataDir: join(wall.folder, `sidecar-${service}`), env: process.env },
      ...{ log: silentLog, envoyWords: { write() {} }, drainSeconds: 0, ...more },
    });
    sidecars.push(started);
  };
  const applications = startApplications();
  for (const [at, kind] of kinds.entries()) {
    const port = await listen(applications[kind]);
    await start(kind, { inbound: `127.0.0.1:${inbound[at]}`, application: `127.0.0.1:${port}` });
  }
  await start('caller', {});
  const { chain, key, bundle, dir } = await wall.enrol(callerId);
  const read = (path: string): string => readFileSync(path, 'utf8');
  const svid: TestCertificate = { certificate: read(chain), key: read(key), root: read(bundle) };
  const host = nodeKeyOf(new X509Certificate(svid.certificate).raw);
  if (host === undefined) throw new Error('its certificate is bound to no host');

  for (const [index, name] of names.entries()) {
    const id = `spiffe://td1/service/${name}`;
    const own = await wall.enrol(id);
    const files = { certificate: read(own.chain), key: read(own.key), root: read(own.bundle) };
    const claims = { inbound: `127.0.0.1:${40_000 + index}`, application: '127.0.0.1:1' };
    let going = true;
    closing.push(() => {
      going = false;
    });
    // A stream that ends is begun anew, as Envoy does.
    const begin = async (): Promise<void> => {
      const client = createRawXdsClient(wall.xdsPort, files);
      closing.push(() => client.close());
      const stream = client.delta();
      void stream.ended.then(async () => {
        if (going) await begin().catch(() => undefined);
      });
      await acceptAll(stream, `${id}~idle`, claims, [`${name}/authz-deny`, `${name}/authz-allow`]);
    };
    await begin();
  }

  const mesh = meshOf(documents);
  const open = (kind: 'grpc' | 'tcp', named: boolean): OpenCall => {
    const port = portOf(mesh, kind as ServiceKey);
    const id = parseSpiffeId(callerId);
    if (port === undefined || id === undefined) throw new Error(kind);
    const call = openCall({
      ...{ kind: kind === 'tcp' ? 'tcp' : 'stream', port: inbound[kinds.indexOf(kind)] ?? 0, svid },
      ...(named ? { serverName: callerServerName(id, port) } : {}),
    });
    closing.push(call.close);
    return call;
  };
  const lively = (kind: 'grpc' | 'tcp', named: boolean): Promise<OpenCall> =>
    eventually(
      `the host calls ${kind}`,
      () => {
        const call = open(kind, named);
        return call.echo('hello').then(
          () => call,
          () => undefined,
        );
      },
      20_000,
    );
  const agent = new TlsAgent({
    keepAlive: true,
    maxSockets: 1,
    cert: svid.certificate,
    key: svid.key,
    rejectUnauthorized: false,
  });
  const ask = (): Promise<number> =>
    new Promise((resolve) => {
      requestTls({ host: '127.0.0.1', port: inbound[0], path: '/', agent }, (answer) => {
        answer.resume().on('end', () => resolve(answer.statusCode ?? 0));
      })
        .on('error', () => resolve(0))
        .end();
    });
  await eventually('the host calls over HTTP', async () => ((await ask()) === 200 ? true : undefined), 20_000);
  const beside = await besideCalls(outbound);
  return {
    wall,
    host,
    folder: dir,
    ask,
    open: () => Promise.all([lively('grpc', true), lively('tcp', true), lively('grpc', false), lively('tcp', false)]),
    async tcpPasses() {
      const call = open('tcp', true);
      const passes = await call.echo('hello').then(
        () => true,
        () => false,
      );
      call.close();
      return passes;
    },
    async stream() {
      const client = createRawXdsClient(wall.xdsPort, svid);
      closing.push(() => client.close());
      const stream = client.delta();
      await acceptAll(stream, `${callerId}~taken`, {}, []);
      return stream;
    },
    beside: beside.so,
    async stop() {
      await beside.stop();
      agent.destroy();
      for (const close of closing.reverse()) close();
      for (const { envoyPid } of sidecars) process.kill(envoyPid, 'SIGKILL');
      await Promise.all(sidecars.map(({ exited }) => exited));
      for (const server of Object.values(applications)) server.close();
      await wall.stop();
    },
  };
}

/** Subscribes and accepts, as Envoy does, until the stream ends. */
async function acceptAll(
  stream: DeltaStream,
  id: string,
  claims: Readonly<Record<string, string>>,
  filters: readonly string[],
): Promise<void> {
  const types: readonly (readonly [string, readonly string[]])[] = [
    [typeUrls.cluster, ['*']],
    [typeUrls.listener, ['*']],
    ...(filters.length === 0 ? [] : [[typeUrls.extension, filters] as const]),
  ];
  for (const [index, [typeUrl, names]] of types.entries()) {
    const node = { id, metadata: { cellwall: { ...claims } } };
    stream.send({ typeUrl, resourceNamesSubscribe: [...names], ...(index > 0 ? {} : { node }) });
  }
  const accept = async (): Promise<void> => {
    const { typeUrl, nonce } = await stream.next(600_000);
    stream.send({ typeUrl, responseNonce: nonce });
  };
  await accept();
  const go = (): Promise<void> => accept().then(go, () => undefined);
  void go();
}

/** The other host's calls through its own sidecar, one after the other: HTTP/1.1, HTTP/2 and TCP. */
async function besideCalls([http1 = 0, grpc = 0, tcp = 0]: readonly number[]) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const lanes: Readonly<Record<Kind, () => Promise<string>>> = {
    http1: () =>
      new Promise((resolve) => {
        requestPlain({ host: '127.0.0.1', port: http1, path: '/', agent }, (answer) => {
          answer.resume().on('end', () => resolve(String(answer.statusCode)));
        })
          .on('error', (error) => resolve(error.message))
          .end();
      }),
    grpc: () =>
      new Promise((resolve) => {
        const session = connectHttp2(`http://127.0.0.1:${grpc}`).on('error', (error) => resolve(error.message));
        const call = session.request({ ':method': 'POST', ':path': '/echo' }, { endStream: false });
        let status = 'no answer';
        call.on('response', (headers) => {
          status = String(headers[':status']);
        });
        call.on('error', (error) => resolve(error.message));
        call.on('close', () => {
          session.destroy();
          resolve(status);
        });
        call.resume().end('x');
      }),
    tcp: () =>
      new Promise((resolve) => {
        const socket = connectTcp(tcp, '127.0.0.1', () => socket.write('x'));
        socket.on('data', () => {
          resolve('200');
          socket.destroy();
        });
        socket.on('error', (error) => resolve(error.message)).on('close', () => resolve('closed'));
      }),
  };
  for (const kind of kinds) {
    await eventually(
      `the other host calls ${kind}`,
      async () => ((await lanes[kind]()) === '200' ? true : undefined),
      20_000,
    );
  }
  let going = true;
  let calls = 0;
  const failed: string[] = [];
  const running = kinds.map(async (kind) => {
    while (going) {
      const answer = await lanes[kind]();
      calls += 1;
      if (answer !== '200') failed.push(`${kind}: ${answer}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });
  return {
    so: () => ({ calls, failed: [...failed] }),
    async stop() {
      going = false;
      await Promise.all(running);
      agent.destroy();
    },
  };
}

function startApplications(): Readonly<Record<Kind, Server>> {
  return {
    http1: createHttp1Server((_request, response) => void response.end('hello')),
    grpc: createHttp2Server().on('stream', (stream) => {
      stream.on('error', () => undefined);
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      stream.pipe(stream);
    }),
    tcp: createTcpServer((socket) => void socket.on('error', () => undefined).pipe(socket)),
  };
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

function documentsOf(outbound: readonly number[], idle: readonly string[]): string {
  const depends = kinds.map((kind, at) => `{service: ${kind}, listen: ${outbound[at]}}`).join(', ');
  const allow = (name: string): string => policyText(name, name, 'allow', `[{from: [{spiffeId: "${callerId}"}]}]`);
  return yaml(
    'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: strict}}',
    ...kinds.map((kind) => serviceText(kind, kind)),
    serviceText('caller', 'http1', `, dependsOn: [${depends}]`),
    ...idle.map((name) => serviceText(name, 'http1')),
    ...[...kinds, ...idle].map(allow),
  );
}
