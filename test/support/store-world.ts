// A control plane on a Redis, and real sidecars with calls between them in several protocols, for faults of that Redis.
import { join } from 'node:path';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { runSidecar, type Sidecar } from '../../src/sidecar/run-sidecar.ts';
import { startHttp1Echo, startTcpEcho } from './echo-application.ts';
import { eventually } from './eventually.ts';
import { freePorts } from './free-ports.ts';
import { startGrpcBackend } from './grpc-unary.ts';
import { type Protocol, type ProtocolLoad, protocolLoad } from './protocol-load.ts';
import { policyText, serviceText, yaml } from './resolve-text.ts';
import { type ServeProcess, startServeProcess } from './serve-process.ts';

const applications = { http1: startHttp1Echo, grpc: startGrpcBackend, tcp: startTcpEcho, http2: startGrpcBackend };

export interface StoreWorldOptions {
  readonly protocols: readonly Protocol[];
  readonly redis: string;
  /** `--store-option`. */
  readonly storeOptions?: Readonly<Record<string, string>>;
}

export interface StoreWorld {
  readonly serve: ServeProcess;
  /** How many documents are in force. */
  readonly documents: number;
  /** Calls in each protocol, until it ends. */
  load(): WorldLoad;
  storeTrouble(): Promise<'away' | 'read-only' | 'none'>;
  /** Every sidecar has a stream. */
  connected(): Promise<true>;
  /** A document that nobody needs, and its end. Each is tried until it is taken. */
  edits(): Promise<void>;
  /** A host that joined before starts anew, without a token. */
  rejoin(): Promise<void>;
  close(): Promise<void>;
}

export interface WorldLoad {
  end(): Promise<readonly { readonly protocol: Protocol; readonly fine: number; readonly failed: readonly string[] }[]>;
}

export async function startStoreWorld({ protocols, redis, storeOptions = {} }: StoreWorldOptions): Promise<StoreWorld> {
  const closers: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const ports = new Map<Protocol, { readonly outbound: number; readonly inbound: number }>();
    for (const protocol of protocols) {
      const [outbound = 0, inbound = 0] = await freePorts(2);
      ports.set(protocol, { outbound, inbound });
    }
    const uses = [...ports].map(([protocol, { outbound }]) => `{service: api-${protocol}, listen: ${outbound}}`).join();
    const texts = [
      'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: strict}}',
      serviceText('web', 'http1', `, dependsOn: [${uses}]`),
      serviceText('late'),
      ...protocols.flatMap((protocol) => [
        serviceText(`api-${protocol}`, protocol),
        policyText(`api-${protocol}`, `api-${protocol}`, 'allow', '[{from: [{service: web}]}]'),
      ]),
    ];
    const args = Object.entries(storeOptions).flatMap(([name, value]) => ['--store-option', `${name}=${value}`]);
    const serve = await startServeProcess(yaml(...texts), { redis, args });
    closers.push(() => serve.stop());
    const token = async (service: string): Promise<string> => (await serve.admin.createToken({ service })).token;
    const sidecar = async (
      service: string,
      { token: given, inbound, application }: { token?: string; inbound?: number; application?: number } = {},
    ): Promise<Sidecar> => {
      const started = await runSidecar({
        ...{ identity: `127.0.0.1:${serve.ports.identity}`, xds: `127.0.0.1:${serve.ports.xds}` },
        ...(given === undefined ? {} : { token: new Redacted(given) }),
        dataDir: join(serve.folder, service),
        ...(inbound === undefined ? {} : { inbound: `127.0.0.1:${inbound}`, application: `127.0.0.1:${application}` }),
        ...{ env: process.env, log: silentLog, envoyWords: { write() {} }, drainSeconds: 1 },
      });
      closers.push(() => kill(started));
      return started;
    };
    for (const [protocol, { inbound }] of ports) {
      const application = await applications[protocol]();
      closers.push(() => application.stop());
      const service = `api-${protocol}`;
      await sidecar(service, { inbound, application: application.port, token: await token(service) });
    }
    await sidecar('web', { token: await token('web') });
    let late = await sidecar('late', { token: await token('late') });
    const connected = (): Promise<true> =>
      eventually(
        'every proxy is connected',
        async () => (await serve.admin.status()).proxies.connected === protocols.length + 2 || undefined,
        60_000,
      );
    await connected();
    const load = (): WorldLoad => {
      const running = [...ports].map(([protocol, { outbound }]): readonly [Protocol, ProtocolLoad] => [
        protocol,
        protocolLoad(protocol, outbound),
      ]);
      return {
        end: () => Promise.all(running.map(async ([protocol, one]) => ({ protocol, ...(await one.end()) }))),
      };
    };
    await eventually(
      'calls work',
      async () => {
        const trial = load();
        await new Promise((resolve) => setTimeout(resolve, 300));
        return (await trial.end()).every(({ fine, failed }) => fine > 0 && failed.length === 0) || undefined;
      },
      60_000,
    );
    const taken = async (what: string, apply: () => Promise<{ readonly kind: string }>): Promise<void> => {
      await eventually(
        what,
        async () => (await apply().catch(() => undefined))?.kind !== undefined || undefined,
        40_000,
      );
    };
    return {
      serve,
      documents: texts.length,
      load,
      storeTrouble: async () => (await serve.admin.status()).storeTrouble?.kind ?? 'none',
      connected,
      async edits() {
        const { revision = 0 } = await serve.admin.status();
        await taken('an edit is taken', () => serve.admin.apply({ text: yaml(serviceText('another')) }));
        await taken('its end is taken', () =>
          serve.admin.apply({ changes: [{ op: 'delete', key: 'Service/another' }] }),
        );
        const now = await serve.admin.status();
        if (now.revision !== revision + 2) throw new Error(`revision ${now.revision} after two edits of ${revision}`);
      },
      async rejoin() {
        await kill(late);
        late = await sidecar('late');
      },
      close,
    };
  } catch (reason) {
    await close();
    throw reason;
  }
}

async function kill({ envoyPid, exited }: Sidecar): Promise<void> {
  try {
    process.kill(envoyPid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
  await exited;
}
