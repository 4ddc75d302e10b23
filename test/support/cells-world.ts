// A control plane, two cells with control planes of their own that follow it, and in each cell a service and a caller with real Envoys,
// each a process of its own: both callers call both services, within a cell and from one to the other.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../src/lib/log.ts';
import { findEnvoy } from '../../src/sidecar/envoy/envoy-binary.ts';
import { startHttp1Echo, startTcpEcho } from './echo-application.ts';
import { eventually } from './eventually.ts';
import { freePorts } from './free-ports.ts';
import { newCall, type ProtocolLoad, protocolLoad } from './protocol-load.ts';
import { policyText, workloadText, yaml } from './resolve-text.ts';
import { type ServeProcess, startServeProcess } from './serve-process.ts';
import { type SidecarProcess, startSidecarProcess } from './sidecar-process.ts';

export type CellProtocol = 'http1' | 'tcp';

export interface CellPlace {
  readonly name: string;
  readonly serve: ServeProcess;
  /** Read when it starts: the join token of its control plane. */
  readonly tokenFile: string;
  /** The caller there. */
  readonly web: SidecarProcess;
  /** Where mutual TLS comes in at the service there, by protocol. */
  readonly inbound: ReadonlyMap<CellProtocol, number>;
}

export interface CellsWorld {
  readonly parent: ServeProcess;
  readonly cells: readonly [CellPlace, CellPlace];
  /** Calls of every caller to every service without a pause, by what they are: `http1 web-1 api-2`. */
  load(): ReadonlyMap<string, ProtocolLoad>;
  /** Resolves once every caller is answered by every service. */
  allFine(ms: number): Promise<true>;
  close(): Promise<void>;
}

export interface CellsWorldOptions {
  readonly lifetimeMs: number;
  readonly protocols: readonly CellProtocol[];
}

const numbers = [1, 2] as const;
const applications = { http1: startHttp1Echo, tcp: startTcpEcho };
const at = (port: number): string => `127.0.0.1:${port}`;

/** An identity of no service, with certificates of half an hour. */
export const oldClient = 'spiffe://td1/old';

export async function startCellsWorld({ lifetimeMs, protocols }: CellsWorldOptions): Promise<CellsWorld> {
  const closers: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const backends = new Map<CellProtocol, number>();
    for (const protocol of protocols) {
      const backend = await applications[protocol]();
      closers.push(() => backend.stop());
      backends.set(protocol, backend.port);
    }
    const inbounds = await freePorts(numbers.length * protocols.length);
    const outbounds = await freePorts(numbers.length ** 2 * protocols.length);
    const inbound = (to: number, index: number): number => inbounds[(to - 1) * protocols.length + index] ?? 0;
    const outbound = (from: number, to: number, index: number): number =>
      outbounds[((from - 1) * numbers.length + to - 1) * protocols.length + index] ?? 0;
    const service = (cell: number): string => {
      const ports = protocols.map(
        (protocol, index) =>
          `{name: p-${protocol}, protocol: ${protocol}, endpoints: {static: [{address: 127.0.0.1, port: ${inbound(cell, index)}}]}}`,
      );
      return `kind: Service\nmetadata: {name: api-${cell}, cell: cell-${cell}}\nspec: {ports: [${ports.join()}]}`;
    };
    const caller = (cell: number): string => {
      const uses = numbers.flatMap((to) =>
        protocols.map(
          (protocol, index) =>
            `{service: cell-${to}/api-${to}, port: p-${protocol}, listen: ${outbound(cell, to, index)}}`,
        ),
      );
      return `kind: Service\nmetadata: {name: web-${cell}, cell: cell-${cell}}\nspec: {protocol: http1, dependsOn: [${uses.join()}]}`;
    };
    const callers = numbers.map((cell) => `{service: cell-${cell}/web-${cell}}`).join();
    const parent = await startServeProcess(
      yaml(
        `kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: strict}, svid: {lifetime: ${lifetimeMs}ms}}`,
        ...numbers.flatMap((cell) => [
          `kind: Cell\nmetadata: {name: cell-${cell}}\nspec: {id: ${cell}, controlPlane: {}}`,
          service(cell),
          caller(cell),
          policyText(
            `cell-${cell}/api-${cell}`,
            `api-${cell}`,
            'allow',
            `[{from: [${callers}, {spiffeId: "${oldClient}"}]}]`,
          ),
        ]),
        workloadText('old', `{identity: {spiffeId: "${oldClient}"}, lifetime: 30m}`),
      ),
    );
    closers.push(() => parent.stop());
    const envoy = await findEnvoy({ env: process.env, log: silentLog });
    const tokens = mkdtempSync(join(tmpdir(), 'cellwall-cells-'));
    closers.push(() => rmSync(tokens, { recursive: true, force: true }));
    const places: CellPlace[] = [];
    for (const cell of numbers) {
      const name = `cell-${cell}`;
      const { token } = await parent.admin.createToken({ spiffeId: `spiffe://td1/cellwall/follower/${name}` });
      mkdirSync(join(tokens, name));
      const file = join(tokens, name, 'join.token');
      writeFileSync(file, token, { mode: 0o600 });
      const serve = await startServeProcess('', {
        args: ['--parent', at(parent.ports.identity), '--parent-token-file', file],
      });
      closers.push(() => serve.stop());
      const sidecar = async (of: string, flags: readonly string[]): Promise<SidecarProcess> => {
        const { token: joins } = await serve.admin.createToken({ service: `${name}/${of}`, ttl: '30s' });
        const started = startSidecarProcess(
          [
            ...['--service', `${name}/${of}`, '--data', join(serve.folder, of), '--drain-seconds', '0'],
            ...['--identity-address', at(serve.ports.identity), '--envoy-bin', envoy],
            ...['--xds-address', at(serve.ports.xds), ...flags],
          ],
          { CELLWALL_TOKEN: joins },
        );
        closers.push(async () => {
          started.signal('SIGTERM');
          await started.exited;
        });
        await started.envoy();
        return started;
      };
      const listens = protocols.flatMap((protocol, index) => [
        ...['--listen', `p-${protocol}=${at(inbound(cell, index))}`],
        ...['--app', `p-${protocol}=${at(backends.get(protocol) ?? 0)}`],
      ]);
      await sidecar(`api-${cell}`, listens);
      const web = await sidecar(`web-${cell}`, []);
      const doors = protocols.map((protocol, index) => [protocol, inbound(cell, index)] as const);
      places.push({ name, serve, tokenFile: file, web, inbound: new Map(doors) });
    }
    const [first, second] = places;
    if (first === undefined || second === undefined) throw new Error('there are two');
    const ways = numbers.flatMap((from) =>
      numbers.flatMap((to) =>
        protocols.map((protocol, index) => {
          return { what: `${protocol} web-${from} api-${to}`, protocol, port: outbound(from, to, index) };
        }),
      ),
    );
    const answered = async (): Promise<true | undefined> => {
      const calls = await Promise.allSettled(ways.map(({ protocol, port }) => newCall(protocol, port)));
      return calls.every(({ status }) => status === 'fulfilled') || undefined;
    };
    return {
      parent,
      cells: [first, second],
      load: () => new Map(ways.map(({ what, protocol, port }) => [what, protocolLoad(protocol, port)])),
      allFine: (ms) => eventually('every caller is answered by every service', answered, ms),
      close,
    };
  } catch (reason) {
    await close();
    throw reason;
  }
}
