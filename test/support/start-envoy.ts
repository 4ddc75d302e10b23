// Runs a real Envoy on a bootstrap given as an object, for tests: ports 0 in it are found afterwards through admin.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { silentLog } from '../../src/lib/log.ts';
import { findEnvoy } from '../../src/sidecar/envoy/envoy-binary.ts';
import { canaryHook } from './canary/keep-output.ts';

export interface RunningEnvoy {
  readonly pid: number;
  /** Base URL of its admin endpoint. */
  readonly admin: string;
  /** The bound port of a listener, once it listens. */
  port(listener: string): Promise<number>;
  /** What it logged. */
  log(): string;
  /** How it ended, if it has: `SIGSEGV`, `code 1`. */
  ended(): string | undefined;
  stop(): Promise<void>;
}

const deadlineMs = 20_000;

/** Starts Envoy; `admin` is added to the bootstrap. */
export async function startEnvoy(
  bootstrap: object,
  extraArgs: readonly string[] = [],
  /** Default: the one that is shipped with. */
  envoy?: string,
): Promise<RunningEnvoy> {
  const binary = envoy ?? (await findEnvoy({ env: process.env, log: silentLog }));
  const folder = mkdtempSync(join(tmpdir(), 'cellwall-envoy-'));
  const config = join(folder, 'bootstrap.json');
  const adminFile = join(folder, 'admin');
  const admin = { address: { socket_address: { address: '127.0.0.1', port_value: 0 } } };
  writeFileSync(config, JSON.stringify({ ...bootstrap, admin }), { mode: 0o600 });
  const child = spawn(
    binary,
    [
      ...['-c', config, '--use-dynamic-base-id', '--admin-address-path', adminFile],
      ...(extraArgs.includes('--concurrency') ? [] : ['--concurrency', '1']),
      ...extraArgs,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => {
    log = (log + chunk.toString()).slice(-200_000);
  });
  const stop = async (): Promise<void> => {
    await lookAtPages(child, adminFile);
    await exited(child);
    rmSync(folder, { recursive: true, force: true });
  };
  const until = async <T>(what: string, probe: () => Promise<T | undefined> | T | undefined): Promise<T> => {
    const end = performance.now() + deadlineMs;
    while (performance.now() < end) {
      if (child.exitCode !== null) throw new Error(`Envoy exited with ${child.exitCode}: ${log.slice(-3000)}`);
      const found = await probe();
      if (found !== undefined) return found;
      await delay(20);
    }
    throw new Error(`no ${what} within ${deadlineMs} ms: ${log.slice(-3000)}`);
  };
  try {
    const address = await until('admin address', () => {
      try {
        return readFileSync(adminFile, 'utf8').trim() || undefined;
      } catch {
        return undefined;
      }
    });
    const url = `http://${address}`;
    return {
      pid: child.pid ?? 0,
      admin: url,
      port: (listener) => until(`listener ${listener}`, () => listenerPort(url, listener)),
      log: () => log,
      ended: () => child.signalCode ?? (child.exitCode === null ? undefined : `code ${child.exitCode}`),
      stop,
    };
  } catch (reason) {
    await stop();
    throw reason;
  }
}

/** The admin endpoint lists a static listener before its workers take connections; until then a client is refused. */
async function listenerPort(admin: string, name: string): Promise<number | undefined> {
  const stats = await (await fetch(`${admin}/stats?filter=listener_manager.workers_started`)).text();
  if (!stats.includes('workers_started: 1')) return undefined;
  const answer = await fetch(`${admin}/listeners?format=json`);
  const body = (await answer.json()) as {
    readonly listener_statuses?: readonly {
      readonly name: string;
      readonly local_address?: { readonly socket_address?: { readonly port_value?: number } };
    }[];
  };
  return body.listener_statuses?.find((status) => status.name === name)?.local_address?.socket_address?.port_value;
}

/** What Envoy shows whoever asks it: looked at once more at its end, for what must not be there (`canary/`). */
async function lookAtPages(child: ChildProcess, adminFile: string): Promise<void> {
  if (canaryHook() === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    const url = `http://${readFileSync(adminFile, 'utf8').trim()}`;
    for (const path of ['/config_dump?include_eds', '/certs', '/stats', '/clusters', '/listeners', '/init_dump']) {
      await (await fetch(url + path, { signal: AbortSignal.timeout(1000) })).text();
    }
  } catch {
    // It never listened, or was held.
  }
}

async function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}
