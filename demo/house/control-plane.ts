// A control plane of the demo: started, killed with -9, started again on the same ports and the same data.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AdminClient, createAdminClient } from '../../src/admin/client.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import type { Cellwall } from './cellwall.ts';
import type { Child } from './processes.ts';
import { tail } from './processes.ts';
import { until } from './until.ts';

export interface ControlPlaneAddresses {
  readonly xds: string;
  readonly identity: string;
  readonly admin: string;
}

export interface ControlPlane {
  readonly name: string;
  readonly admin: AdminClient;
  readonly addresses: ControlPlaneAddresses;
  pid(): number;
  /** Resolves when it is ready to serve proxies. */
  start(): Promise<void>;
  /** -9: it has no time to say goodbye. */
  kill(): Promise<void>;
}

/** `documents`: a folder; of Redis, what is applied to it at the first start. `secret`: the file of the deployment's secret. */
export type ControlPlaneStore =
  | { readonly kind: 'directory'; readonly documents: string }
  | { readonly kind: 'redis'; readonly port: number; readonly secret: string; readonly documents?: string };

export interface ControlPlaneOptions {
  readonly name: string;
  readonly cellwall: Cellwall;
  readonly addresses: ControlPlaneAddresses;
  readonly store: ControlPlaneStore;
  readonly data: string;
  /** Other flags of `serve`. */
  readonly more: readonly string[];
  readonly logFile: string;
}

const readyWithinMs = 60_000;

export function createControlPlane(options: ControlPlaneOptions): ControlPlane {
  const { name, cellwall, addresses, store, data, more, logFile } = options;
  let child: Child | undefined;
  let client: AdminClient | undefined;
  const tokenFile = join(data, 'admin.token');
  const storeFlags =
    store.kind === 'directory'
      ? ['--documents', store.documents]
      : ['--store', 'redis', '--redis-url', `redis://127.0.0.1:${store.port}`, '--bootstrap-secret', store.secret];
  /** It answers, ready or not. */
  const answering = async (started: Child): Promise<AdminClient | 'ended' | undefined> => {
    if (!started.running()) return 'ended';
    if (!existsSync(tokenFile)) return undefined;
    const token = new Redacted(readFileSync(tokenFile, 'utf8').trim());
    const candidate = createAdminClient({ url: `http://${addresses.admin}`, token, timeoutMs: 5000 });
    await candidate.status();
    return candidate;
  };
  const alive = <T>(answer: T | 'ended', started: Child): T => {
    if (answer === 'ended') throw new Error(`the ${name} ended at its start:\n${tail(started)}`);
    return answer;
  };
  return {
    name,
    addresses,
    get admin() {
      if (client === undefined) throw new Error(`the ${name} was not started yet`);
      return client;
    },
    pid() {
      if (child === undefined) throw new Error(`the ${name} was not started yet`);
      return child.pid;
    },
    async start() {
      const { xds, identity, admin } = addresses;
      const flags = [
        ...storeFlags,
        ...more,
        '--data',
        data,
        '--xds-listen',
        xds,
        '--identity-listen',
        identity,
        '--admin-listen',
        admin,
      ];
      const started = cellwall.start(['serve', ...flags], { name, logFile });
      child = started;
      const waiting = { what: `the ${name} answers`, withinMs: readyWithinMs };
      const first = alive(await until(() => answering(started), waiting), started);
      if (store.kind === 'redis' && store.documents !== undefined && client === undefined) {
        await cellwall.expect('apply', '-f', store.documents);
      }
      client = first;
      const ready = async () => (started.running() ? (await first.status()).ready || undefined : 'ended');
      alive(await until(ready, { what: `the ${name} is ready`, withinMs: readyWithinMs }), started);
    },
    async kill() {
      child?.signal('SIGKILL');
      await child?.exited;
    },
  };
}
