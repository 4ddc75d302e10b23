// Real Envoys beside raw streams on several control planes: a service of each protocol and its callers, which know all control planes, and
// calls without a pause between them.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { temporaryFolder } from '../../src/lib/temporary-folder.ts';
import { readStats } from '../../src/sidecar/envoy/read-stats.ts';
import { runSidecar, type Sidecar } from '../../src/sidecar/run-sidecar.ts';
import { startHttp1Echo, startTcpEcho } from './echo-application.ts';
import { eventually } from './eventually.ts';
import { figure } from './figure.ts';
import { freePorts } from './free-ports.ts';
import { startGrpcBackend } from './grpc-unary.ts';
import { type Protocol, type ProtocolLoad, protocolLoad } from './protocol-load.ts';
import type { Replica } from './replicas.ts';
import { policyText, serviceText } from './resolve-text.ts';

const applications = { http1: startHttp1Echo, grpc: startGrpcBackend, tcp: startTcpEcho, http2: startGrpcBackend };
const at = (port: number): string => `127.0.0.1:${port}`;

export interface EnvoyPlan {
  /** Documents of its services: of no cell, `http1`…, and their callers `caller-0`…. */
  readonly texts: readonly string[];
  readonly envoys: number;
  /** Resolves when calls work. */
  start(replicas: readonly Replica[]): Promise<ReplicaEnvoys>;
}

export interface ReplicaEnvoys {
  /** Calls of every caller in every protocol, until it ends. */
  load(): EnvoyLoad;
  /**
   * Resolves when every Envoy has its stream at one of these, with the longest time in milliseconds that one was without: from now on, or,
   * where the others `end` by themselves and serve until then, from the end of its stream.
   */
  allAt(replicas: readonly Replica[], others?: 'end'): Promise<number>;
  close(): Promise<void>;
}

export interface EnvoyLoad {
  /** Notes the figures of each protocol, and resolves with what failed. */
  end(): Promise<readonly string[]>;
}

export async function planEnvoys(protocols: readonly Protocol[], callers: number): Promise<EnvoyPlan> {
  const inbounds = await freePorts(protocols.length);
  const outbounds = await freePorts(protocols.length * callers);
  const outbound = (caller: number, index: number): number => outbounds[caller * protocols.length + index] ?? 0;
  const names = Array.from({ length: callers }, (_, caller) => `caller-${caller}`);
  const from = names.map((name) => `{service: ${name}}`).join(', ');
  const uses = (caller: number): string =>
    protocols.map((protocol, index) => `{service: ${protocol}, listen: ${outbound(caller, index)}}`).join(', ');
  const texts = [
    ...protocols.map((protocol) => serviceText(protocol, protocol)),
    ...protocols.map((protocol) => policyText(protocol, protocol, 'allow', `[{from: [${from}]}]`)),
    ...names.map((name, caller) => serviceText(name, 'http1', `, dependsOn: [${uses(caller)}]`)),
  ];
  const start = async (replicas: readonly Replica[]): Promise<ReplicaEnvoys> => {
    const closers: (() => unknown)[] = [];
    const close = async (): Promise<void> => {
      for (const closer of closers.splice(0).reverse()) await closer();
    };
    const folder = temporaryFolder('envoys');
    closers.push(() => rmSync(folder, { recursive: true, force: true }));
    const [first] = replicas;
    if (first === undefined) throw new Error('no control plane');
    const sidecars: Sidecar[] = [];
    const sidecar = async (service: string, more: { inbound?: string; application?: string } = {}): Promise<void> => {
      const started = await runSidecar({
        identity: replicas.map(({ ports }) => at(ports.identity)).join(),
        xds: replicas.map(({ ports }) => at(ports.xds)).join(),
        token: new Redacted((await first.admin.createToken({ service })).token),
        ...{ dataDir: join(folder, service), ...more, drainSeconds: 0 },
        ...{ env: process.env, log: silentLog, envoyWords: { write() {} } },
      });
      closers.push(() => started.stop());
      sidecars.push(started);
    };
    const load = (): EnvoyLoad => {
      const running = names.flatMap((_, caller) =>
        protocols.map((protocol, index): readonly [Protocol, ProtocolLoad] => [
          protocol,
          protocolLoad(protocol, outbound(caller, index)),
        ]),
      );
      return {
        async end() {
          const ends = await Promise.all(running.map(async ([protocol, one]) => ({ protocol, ...(await one.end()) })));
          const silent: string[] = [];
          for (const [protocol, own] of Map.groupBy(ends, (one) => one.protocol)) {
            figure(
              `${protocol} calls`,
              own.reduce((sum, { fine }) => sum + fine, 0),
            );
            figure(
              `${protocol} failed calls`,
              own.reduce((sum, { failed }) => sum + failed.length, 0),
            );
            if (own.some(({ fine }) => fine < 3)) silent.push(`${protocol}: a caller was hardly answered`);
          }
          return [...ends.flatMap(({ protocol, failed }) => failed.map((why) => `${protocol}: ${why}`)), ...silent];
        },
      };
    };
    const works = async (): Promise<true | undefined> => {
      const tried = names.flatMap((_, caller) => protocols.map((kind, i) => protocolLoad(kind, outbound(caller, i))));
      const answered = () => tried.every((one) => one.fine() > 2) || undefined;
      await eventually('calls', answered, 3000).catch(() => undefined);
      const ends = await Promise.all(tried.map((one) => one.end()));
      return ends.every(({ fine, failed }) => fine > 2 && failed.length === 0) || undefined;
    };
    /** The xDS port to which each has its stream. */
    const streams = (): Promise<readonly (number | undefined)[]> =>
      Promise.all(
        sidecars.map(async ({ admin }) => {
          const address = admin();
          if (address === undefined) return undefined;
          const clusters = await readStats(address, '/clusters?filter=^cellwall$');
          const port = /^cellwall::127\.0\.0\.1:(\d+)::rq_active::[1-9]/m.exec(clusters)?.[1];
          return port === undefined ? undefined : Number(port);
        }),
      );
    try {
      for (const [index, protocol] of protocols.entries()) {
        const application = await applications[protocol]();
        closers.push(() => application.stop());
        await sidecar(protocol, { inbound: at(inbounds[index] ?? 0), application: at(application.port) });
      }
      await Promise.all(names.map((name) => sidecar(name)));
      await eventually('calls work', works, 60_000);
    } catch (reason) {
      await close();
      throw reason;
    }
    return {
      load,
      async allAt(those, others) {
        const since = performance.now();
        const ports = new Set(those.map(({ ports: { xds } }) => xds));
        const lostAt = new Map<number, number>();
        let longest = 0;
        const look = async (): Promise<true | undefined> => {
          const found = await streams();
          const now = performance.now();
          for (const [index, port] of found.entries()) {
            if (port === undefined && !lostAt.has(index)) lostAt.set(index, now);
            if (port === undefined || !ports.has(port)) continue;
            const lost = lostAt.get(index);
            lostAt.delete(index);
            if (lost !== undefined) longest = Math.max(longest, now - lost);
          }
          return found.every((port) => port !== undefined && ports.has(port)) || undefined;
        };
        await eventually('all streams are there', look, 30_000);
        return others === 'end' ? longest : performance.now() - since;
      },
      close,
    };
  };
  return { texts, envoys: protocols.length + callers, start };
}
