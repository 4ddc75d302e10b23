// A control plane, sidecars and Envoys, each a process of its own, with callers that never stop: what becomes of calls while the control
// plane is away, and after.
import { join } from 'node:path';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { findEnvoy } from '../../src/sidecar/envoy/envoy-binary.ts';
import { fetchSvid } from '../../src/sidecar/svid/svid-fetch.ts';
import { startHttp1Echo, startTcpEcho } from './echo-application.ts';
import { edgeBootstrap } from './edge-envoy.ts';
import { eventually } from './eventually.ts';
import { freePorts } from './free-ports.ts';
import { startGrpcBackend } from './grpc-unary.ts';
import { httpCall } from './http-call.ts';
import { type Caller, keepCalling } from './keep-calling.ts';
import { newCall, type Protocol } from './protocol-load.ts';
import { cellText, policyText, serviceText, workloadText, yaml } from './resolve-text.ts';
import { type ServeProcess, startServeProcess } from './serve-process.ts';
import { isAlive, type SidecarProcess, startSidecarProcess } from './sidecar-process.ts';
import { startEnvoy } from './start-envoy.ts';

export interface RecoveryWorld {
  readonly serve: ServeProcess;
  readonly sidecars: readonly SidecarProcess[];
  /** Ports on 127.0.0.1: where calls leave, by protocol, and where mutual TLS comes in at services, by what it is. */
  readonly outbound: ReadonlyMap<Protocol, number>;
  readonly inbound: ReadonlyMap<string, number>;
  /** Through mutual TLS, by what is called. */
  readonly calls: ReadonlyMap<string, Caller>;
  /** What needs no certificate: applications called directly, and a permissive service in plaintext. */
  readonly controls: ReadonlyMap<string, Caller>;
  /** Resolves once every caller succeeded many times in a row. */
  allFine(ms: number): Promise<true>;
  /** Load balancers: where callers reach them, over TLS, and their processes. */
  readonly edges: readonly Pick<Edge, 'port' | 'pid' | 'node'>[];
  /** Sidecars, their Envoys and the edges, that still run; in the order in which they were started. */
  pids(): readonly number[];
  close(): Promise<void>;
}

export interface RecoveryWorldOptions {
  readonly lifetimeMs: number;
  readonly protocols: readonly Protocol[];
  readonly replicas: number;
  /** Also a permissive service, and load balancers that pull their secrets, in each variant of xDS. */
  readonly edge: boolean;
  /** Who makes the keys of sidecars. Default: as without a word about it. */
  readonly secrets?: 'local' | 'pushed';
}

const applications = { http1: startHttp1Echo, grpc: startGrpcBackend, tcp: startTcpEcho, http2: startGrpcBackend };
async function okay(answer: Promise<{ readonly status: number }>): Promise<void> {
  const { status } = await answer;
  if (status !== 200) throw new Error(`status ${status}`);
}

export async function startRecoveryWorld(options: RecoveryWorldOptions): Promise<RecoveryWorld> {
  const { lifetimeMs, protocols, replicas, edge, secrets } = options;
  const closers: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const backends = new Map<Protocol, number>();
    for (const protocol of protocols) {
      const backend = await applications[protocol]();
      closers.push(() => backend.stop());
      backends.set(protocol, backend.port);
    }
    const [toSoft = 0, softInbound = 0, apiInbound = 0, ...outbounds] = await freePorts(3 + protocols.length);
    const outboundOf = new Map(protocols.map((protocol, index) => [protocol, outbounds[index] ?? 0]));
    const ports = protocols.map((protocol) => `{name: p-${protocol}, protocol: ${protocol}}`);
    const uses = protocols.map(
      (protocol) => `{service: multi, port: p-${protocol}, listen: ${outboundOf.get(protocol)}}`,
    );
    const id = 'spiffe://td1/edge/ingress';
    const serve = await startServeProcess(
      yaml(
        `kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: strict}, svid: {lifetime: ${lifetimeMs}ms}}`,
        cellText('cell-1', 1),
        serviceText('cell-1/api'),
        serviceText('cell-1/soft', 'http1', ', mtls: {mode: permissive}'),
        `kind: Service\nmetadata: {name: multi, cell: cell-1}\nspec: {ports: [${ports.join()}]}`,
        serviceText(
          'cell-1/web',
          'http1',
          `, dependsOn: [${[...uses, ...(edge ? [`{service: soft, listen: ${toSoft}}`] : [])].join()}]`,
        ),
        ...(secrets === undefined ? [] : ['api', 'soft', 'multi', 'web'].map((name) => keptBy(name, secrets))),
        workloadText('ingress', `{identity: {spiffeId: "${id}"}}`),
        policyText('cell-1/multi', 'multi', 'allow', '[{from: [{service: web}]}]'),
        policyText('cell-1/api', 'api', 'allow', `[{from: [{spiffeId: "${id}"}]}]`),
      ),
    );
    closers.push(() => serve.stop());
    const envoy = await findEnvoy({ env: process.env, log: silentLog });
    const sidecars: SidecarProcess[] = [];
    const sidecar = async (service: string, name: string, args: readonly string[]): Promise<void> => {
      // Used at once, and over long before it is needed again: what is left is the node key.
      const { token } = await serve.admin.createToken({ service: `cell-1/${service}`, ttl: '30s' });
      const started = startSidecarProcess(
        [
          ...['--service', `cell-1/${service}`, '--data', join(serve.folder, name), '--drain-seconds', '0'],
          ...['--identity-address', `127.0.0.1:${serve.ports.identity}`, '--envoy-bin', envoy],
          ...['--xds-address', `127.0.0.1:${serve.ports.xds}`, ...args],
        ],
        { CELLWALL_TOKEN: token },
      );
      sidecars.push(started);
      closers.push(async () => {
        started.signal('SIGTERM');
        await started.exited;
      });
      await started.envoy();
    };
    const inbound = new Map<string, number>();
    for (let replica = 0; replica < replicas; replica += 1) {
      const inbounds = await freePorts(protocols.length);
      for (const [index, protocol] of protocols.entries()) inbound.set(`${protocol} ${replica}`, inbounds[index] ?? 0);
      const flags = protocols.flatMap((protocol, index) => [
        ...['--listen', `p-${protocol}=127.0.0.1:${inbounds[index]}`],
        ...['--app', `p-${protocol}=127.0.0.1:${backends.get(protocol)}`],
      ]);
      await sidecar('multi', `multi-${replica}`, flags);
    }
    await sidecar('web', 'web', []);
    const calls = new Map<string, Caller>();
    const controls = new Map<string, Caller>();
    const keep = (to: Map<string, Caller>, name: string, call: () => Promise<void>): void => {
      const caller = keepCalling(call);
      to.set(name, caller);
      closers.push(caller.close);
    };
    for (const protocol of protocols) {
      keep(calls, protocol, () => newCall(protocol, outboundOf.get(protocol) ?? 0));
      keep(controls, `${protocol}, directly`, () => newCall(protocol, backends.get(protocol) ?? 0));
    }
    const edges: Edge[] = [];
    if (edge) {
      const application = await startHttp1Echo();
      closers.push(() => application.stop());
      const app = ['--app', `127.0.0.1:${application.port}`];
      await sidecar('api', 'api', ['--listen', `127.0.0.1:${apiInbound}`, ...app]);
      await sidecar('soft', 'soft', ['--listen', `127.0.0.1:${softInbound}`, ...app]);
      inbound.set('strict', apiInbound).set('permissive', softInbound);
      keep(calls, 'permissive', () => okay(httpCall({ port: toSoft })));
      keep(controls, 'permissive, in plaintext', () => okay(httpCall({ port: softInbound })));
      for (const variant of ['delta', 'sotw'] as const) {
        const ingress = await startEdge(serve, id, { lifetimeMs, apiPort: apiInbound, variant });
        edges.push(ingress);
        closers.push(ingress.stop);
        keep(calls, `edge, ${variant}`, () => callEdge(ingress));
      }
    }
    const envoys = await Promise.all(sidecars.map((one) => one.envoy()));
    const all = [...sidecars.map(({ pid }) => pid), ...envoys, ...edges.map(({ pid }) => pid)];
    const everybody = (): readonly Caller[] => [...calls.values(), ...controls.values()];
    return {
      serve,
      sidecars,
      outbound: outboundOf,
      inbound,
      calls,
      controls,
      edges,
      allFine: (ms) =>
        eventually(
          'all calls work',
          () => everybody().every(({ fineInARow }) => fineInARow() >= 20) || undefined,
          ms,
        ).catch((reason: unknown) => {
          const states = [...calls, ...controls].filter(([, { fineInARow }]) => fineInARow() < 20);
          const why = states.map(([what, call]) => `${what}: ${call.fineInARow()} in a row, ${call.why()}`);
          throw new Error(`${String(reason)}: ${why.join('; ')}`);
        }),
      pids: () => all.filter(isAlive),
      close,
    };
  } catch (reason) {
    await close();
    throw reason;
  }
}

function keptBy(service: string, secrets: 'local' | 'pushed'): string {
  const named = `metadata: {name: ${service}, cell: cell-1}`;
  return `kind: Workload\n${named}\nspec: {identity: {service: ${service}}, secrets: ${secrets}}`;
}

/** One call from outside. */
export const callEdge = ({ port }: { readonly port: number }): Promise<void> =>
  okay(httpCall({ port, path: '/open', tls: {} }));

interface Edge {
  readonly port: number;
  readonly pid: number;
  /** Its name as a proxy. */
  readonly node: string;
  stop(): Promise<void>;
}

/** Its SDS certificate is renewed by `svid fetch`, as a timer would: often, and whether the last time went well or not. */
async function startEdge(
  serve: ServeProcess,
  spiffeId: string,
  options: { readonly lifetimeMs: number; readonly apiPort: number; readonly variant: 'delta' | 'sotw' },
): Promise<Edge> {
  const { lifetimeMs, apiPort, variant } = options;
  const { token } = await serve.admin.createToken({ spiffeId });
  const dir = join(serve.folder, `edge-${variant}`);
  const fetching = { identity: `127.0.0.1:${serve.ports.identity}`, dir, log: silentLog };
  await fetchSvid({ ...fetching, token: new Redacted(token) });
  let timer: NodeJS.Timeout;
  let turn: Promise<unknown> = Promise.resolve();
  const plan = (): void => {
    timer = setTimeout(
      () => {
        turn = fetchSvid(fetching)
          .catch(() => undefined)
          .then(plan);
      },
      Math.min(2000, lifetimeMs / 4),
    );
  };
  plan();
  const running = await startEnvoy(
    edgeBootstrap({ trustDomain: 'td1', dir, variant, xdsPort: serve.ports.xds, apiPort }),
  );
  const port = await running.port('ingress');
  await eventually('the edge serves', () => httpCall({ port, path: '/open', tls: {} }).catch(() => undefined), 30_000);
  return {
    port,
    pid: running.pid,
    node: `${spiffeId}~edge-${variant}`,
    async stop() {
      clearTimeout(timer);
      await turn;
      clearTimeout(timer);
      await running.stop();
    },
  };
}

/** How often a helper logged that, at that level (of pino: 30 info, 40 warn, 50 error); wherever in a line, as Envoy's may precede it. */
export function timesLogged(sidecar: SidecarProcess, level: number, message: string): number {
  return sidecar
    .log()
    .split('{"level":')
    .filter((entry) => entry.startsWith(`${level},`) && entry.includes(`"msg":"${message}"`)).length;
}
