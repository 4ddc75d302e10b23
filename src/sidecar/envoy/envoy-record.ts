// Which Envoy runs in a data folder, stored on disk: a helper that is killed (kill -9) leaves its Envoy serving, and the next helper there
// must recognise it. Never another process: a pid alone may soon be reused.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeSecretFile } from '../../identity/secret-file.ts';
import type { AdminAddress } from './bootstrap.ts';

export interface EnvoyRecord {
  readonly pid: number;
  /** When it was started: the boot, and clock ticks since (proc_pid_stat(5), field 22). */
  readonly started: string;
  /** Its `--config-path`. */
  readonly config: string;
  /** Where it takes calls, "ip:port" each. */
  readonly inbounds: readonly string[];
  /** Its admin interface, if that is a socket; otherwise Envoy itself writes the address down. */
  readonly adminSocket?: string;
}

/** An Envoy whose helper is gone. */
export interface LeftoverEnvoy {
  readonly pid: number;
  readonly inbounds: readonly string[];
  readonly admin: AdminAddress | undefined;
  /** Whether it is still running, and still the same process. */
  running(): boolean;
  /** Does nothing once it is gone. */
  kill(signal: 'SIGTERM' | 'SIGKILL'): void;
}

/** Envoy itself writes it (`--admin-address-path`). */
export const adminAddressPath = (dataDir: string): string => join(dataDir, 'admin-address');
/** What the helper recorded about its Envoy; removed when that has ended. */
export const envoyRecordPath = (dataDir: string): string => join(dataDir, 'envoy-process.json');

/** Does nothing if there is no /proc. */
export function writeEnvoyRecord(dataDir: string, record: Omit<EnvoyRecord, 'started'>): void {
  const started = startOf(record.pid);
  // Not synced: after a crash of the machine there is no Envoy.
  if (started !== undefined) {
    writeSecretFile(envoyRecordPath(dataDir), `${JSON.stringify({ ...record, started })}\n`, 0o600, false);
  }
}

export function removeEnvoyRecord(dataDir: string): void {
  rmSync(envoyRecordPath(dataDir), { force: true });
}

/** Only for the holder of the folder's lock: otherwise it may be the Envoy of a running helper. */
export function findLeftoverEnvoy(dataDir: string): LeftoverEnvoy | undefined {
  const record = readRecord(envoyRecordPath(dataDir));
  if (record === undefined || !isRunning(record) || !isOf(record)) return undefined;
  const { pid, inbounds, adminSocket } = record;
  return {
    pid,
    inbounds,
    admin: adminSocket === undefined ? readAdminAddress(dataDir) : { kind: 'unix', path: adminSocket },
    running: () => isRunning(record),
    kill(signal) {
      if (isRunning(record)) process.kill(pid, signal);
    },
  };
}

/** The address that Envoy reported for its admin interface, once it has. */
export function readAdminAddress(dataDir: string): AdminAddress | undefined {
  try {
    const [, host, port] = /^(.*):(\d+)$/.exec(readFileSync(adminAddressPath(dataDir), 'utf8').trim()) ?? [];
    return host === undefined ? undefined : { kind: 'tcp', host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) };
  } catch {
    return undefined;
  }
}

function readRecord(path: string): EnvoyRecord | undefined {
  try {
    const { pid, started, config, inbound, inbounds, adminSocket } = Object(JSON.parse(readFileSync(path, 'utf8')));
    if (!Number.isSafeInteger(pid) || pid < 2 || typeof started !== 'string' || typeof config !== 'string') {
      return undefined;
    }
    return {
      pid,
      started,
      config,
      // `inbound`: as written by a version that had only one.
      inbounds: (Array.isArray(inbounds) ? inbounds : [inbound]).filter((one) => typeof one === 'string'),
      ...(typeof adminSocket === 'string' ? { adminSocket } : {}),
    };
  } catch {
    // None, or not one of ours.
    return undefined;
  }
}

/** A process that exits loses its arguments before its ports: once known, only its start time distinguishes it from another. */
function isRunning({ pid, started }: EnvoyRecord): boolean {
  return startOf(pid) === started;
}

function isOf({ pid, config }: EnvoyRecord): boolean {
  try {
    const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return args[args.indexOf('--config-path') + 1] === config;
  } catch {
    return false;
  }
}

/** Undefined for a process that does not exist, or has ended and waits for its parent. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the name in parentheses, and may contain anything.
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z' || state === 'X') return undefined;
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${fields[18]}`;
  } catch {
    return undefined;
  }
}
