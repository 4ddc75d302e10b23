// The control plane as its users run it: a process of its own, so that its memory is its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type AdminClient, createAdminClient } from '../../src/admin/client.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { type FetchedSvid, fetchSvid } from '../../src/sidecar/svid/svid-fetch.ts';
import { eventually } from './eventually.ts';
import { freePorts } from './free-ports.ts';

export interface ServeProcess {
  readonly folder: string;
  readonly url: string;
  readonly ports: { readonly xds: number; readonly identity: number; readonly admin: number };
  readonly admin: AdminClient;
  /** Of the one that runs. */
  pid(): number;
  /** Resident, MiB. */
  rssMb(): number;
  /** The most that was resident since its start, MiB. */
  peakMb(): number;
  descriptors(): number;
  /** How long it could have run and the machine ran others, since its start; milliseconds. */
  queuedMs(): number;
  /** How long `GET /healthz` takes, on a connection of its own. */
  healthMs(): Promise<number>;
  enrol(service: string): Promise<FetchedSvid>;
  /** `meanwhile`: what happens while it is away. */
  restart(meanwhile?: () => void): Promise<void>;
  /** Killed, without a chance to say so, and started again. `meanwhile`: what happens while it is away; `kill`: who does it, and when. */
  crash(meanwhile?: () => Promise<void>, kill?: (pid: number) => Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

/** Of a process's main thread, as Linux counts it (Documentation/scheduler/sched-stats.rst). */
export function queuedMs(pid: number): number {
  const [, waitedNs] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ');
  return Number(waitedNs) / 1e6;
}

function adminClient(folder: string, url: string): AdminClient {
  const token = new Redacted(readFileSync(join(folder, 'data', 'admin.token'), 'utf8').trim());
  return createAdminClient({ url, token });
}

const bin = fileURLToPath(new URL('../../bin/cellwall.cjs', import.meta.url));

export interface ServeProcessOptions {
  /** Default: `error`. What it prints is in `serve.log` of the folder. */
  readonly logLevel?: 'info' | 'error';
  /** The address of a Redis that keeps the documents, which are applied then. Default: a directory. */
  readonly redis?: string;
  /** More flags of `serve`. */
  readonly args?: readonly string[];
}

export async function startServeProcess(documents: string, options: ServeProcessOptions = {}): Promise<ServeProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'cellwall-process-'));
  mkdirSync(join(folder, 'documents'));
  writeFileSync(join(folder, 'documents', 'all.yaml'), documents);
  const [xds = 0, identity = 0, admin = 0] = await freePorts(3);
  const at = (port: number): string => `127.0.0.1:${port}`;
  const store =
    options.redis === undefined
      ? ['--documents', join(folder, 'documents')]
      : ['--store', 'redis', '--redis-url', options.redis];
  const args = ['serve', ...store, '--data', join(folder, 'data'), '--log-level', options.logLevel ?? 'error'];
  args.push(...(options.args ?? []));
  const listen = ['--xds-listen', at(xds), '--identity-listen', at(identity), '--admin-listen', at(admin)];
  const url = `http://${at(admin)}`;
  let restarted = false;
  const start = async () => {
    const log = openSync(join(folder, 'serve.log'), 'a');
    const child = spawn(process.execPath, [bin, ...args, ...listen], { stdio: ['ignore', log, log] });
    closeSync(log);
    const answers = async (path: string) => {
      if (child.exitCode !== null) throw new Error('it ended');
      return (await fetch(url + path).catch(() => undefined))?.ok;
    };
    try {
      if (options.redis !== undefined && !restarted) {
        await eventually('its admin API answers', () => answers('/healthz'), 30_000);
        const answer = await adminClient(folder, url).apply({ text: documents });
        if (answer.kind === 'invalid') throw new Error(JSON.stringify(answer.problems));
      }
      await eventually('it is ready', () => answers('/readyz'), 90_000);
    } catch (cause) {
      child.kill('SIGKILL');
      const said = readFileSync(join(folder, 'serve.log'), 'utf8').slice(-2000);
      throw new Error(`cellwall serve did not become ready: ${said}`, { cause });
    }
    restarted = true;
    return child;
  };
  let child = await start();
  const end = async (): Promise<void> => {
    child.kill('SIGTERM');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  };
  const client = adminClient(folder, url);
  const memoryOf = (what: 'VmRSS' | 'VmHWM'): number => {
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
    return Number(new RegExp(`${what}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024;
  };
  let enrolled = 0;
  return {
    folder,
    url,
    ports: { xds, identity, admin },
    admin: client,
    pid: () => child.pid ?? 0,
    rssMb: () => memoryOf('VmRSS'),
    peakMb: () => memoryOf('VmHWM'),
    queuedMs: () => queuedMs(child.pid ?? 0),
    descriptors: () => readdirSync(`/proc/${child.pid}/fd`).length,
    async healthMs() {
      const began = performance.now();
      await fetch(`${url}/healthz`, { headers: { connection: 'close' } });
      return performance.now() - began;
    },
    async enrol(service) {
      const { token: joinToken } = await client.createToken({ service });
      const dir = join(folder, `svid-${++enrolled}`);
      return fetchSvid({ identity: at(identity), token: new Redacted(joinToken), dir, log: silentLog });
    },
    async restart(meanwhile) {
      await end();
      meanwhile?.();
      child = await start();
    },
    async crash(meanwhile, kill = async () => void child.kill('SIGKILL')) {
      const ended = once(child, 'exit');
      await kill(child.pid ?? 0);
      await ended;
      await meanwhile?.();
      child = await start();
    },
    async stop() {
      await end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
