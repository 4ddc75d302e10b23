// The control plane of the demo: started, killed with -9, started again on the same ports and the same data.
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
  readonly admin: AdminClient;
  readonly addresses: ControlPlaneAddresses;
  pid(): number;
  /** Resolves when it is ready to serve proxies. */
  start(): Promise<void>;
  /** -9: it has no time to say goodbye. */
  kill(): Promise<void>;
}

export interface ControlPlaneOptions {
  readonly cellwall: Cellwall;
  readonly addresses: ControlPlaneAddresses;
  /** A folder: of the directory store, or of what is applied first to Redis. */
  readonly documents: string;
  /** The port of a Redis that keeps the documents. Absent: the folder does. */
  readonly redis?: number;
  readonly data: string;
  readonly logFile: string;
}

const readyWithinMs = 60_000;

export function createControlPlane({
  cellwall,
  addresses,
  documents,
  redis,
  data,
  logFile,
}: ControlPlaneOptions): ControlPlane {
  let child: Child | undefined;
  let client: AdminClient | undefined;
  const tokenFile = join(data, 'admin.token');
  const store =
    redis === undefined
      ? ['--documents', documents]
      : ['--store', 'redis', '--redis-url', `redis://127.0.0.1:${redis}`];
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
    if (answer === 'ended') throw new Error(`the control plane ended at its start:\n${tail(started)}`);
    return answer;
  };
  return {
    addresses,
    get admin() {
      if (client === undefined) throw new Error('the control plane was not started yet');
      return client;
    },
    pid() {
      if (child === undefined) throw new Error('the control plane was not started yet');
      return child.pid;
    },
    async start() {
      const { xds, identity, admin } = addresses;
      const flags = [
        ...store,
        '--data',
        data,
        '--xds-listen',
        xds,
        '--identity-listen',
        identity,
        '--admin-listen',
        admin,
      ];
      const started = cellwall.start(['serve', ...flags], { name: 'control plane', logFile });
      child = started;
      const waiting = { what: 'the control plane answers', withinMs: readyWithinMs };
      const first = alive(await until(() => answering(started), waiting), started);
      if (redis !== undefined && client === undefined) await cellwall.expect('apply', '-f', documents);
      client = first;
      const ready = async () => (started.running() ? (await first.status()).ready || undefined : 'ended');
      alive(await until(ready, { what: 'the control plane is ready', withinMs: readyWithinMs }), started);
    },
    async kill() {
      child?.signal('SIGKILL');
      await child?.exited;
    },
  };
}
