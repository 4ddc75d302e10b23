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
  readonly documents: string;
  readonly data: string;
  readonly logFile: string;
}

const readyWithinMs = 60_000;

export function createControlPlane({
  cellwall,
  addresses,
  documents,
  data,
  logFile,
}: ControlPlaneOptions): ControlPlane {
  let child: Child | undefined;
  let client: AdminClient | undefined;
  const tokenFile = join(data, 'admin.token');
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
        '--documents',
        documents,
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
      client = await until(
        async () => {
          if (!started.running()) return 'ended';
          if (!existsSync(tokenFile)) return undefined;
          const token = new Redacted(readFileSync(tokenFile, 'utf8').trim());
          const candidate = createAdminClient({ url: `http://${admin}`, token, timeoutMs: 5000 });
          return (await candidate.status()).ready ? candidate : undefined;
        },
        { what: 'the control plane is ready', withinMs: readyWithinMs },
      ).then((answer) => {
        if (answer === 'ended') throw new Error(`the control plane ended at its start:\n${tail(started)}`);
        return answer;
      });
    },
    async kill() {
      child?.signal('SIGKILL');
      await child?.exited;
    },
  };
}
