// `cellwall sidecar` as its users run it: a process, the leader of a process group as a job of a shell is, with a real Envoy. That
// Envoy gets one more listener, so that calls go through it without a control plane's.
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { silentLog } from '../../src/lib/log.ts';
import { findEnvoy } from '../../src/sidecar/envoy/envoy-binary.ts';
import { eventually } from './eventually.ts';

export interface SidecarProcess {
  readonly pid: number;
  /** What it, and its Envoy, said. */
  log(): string;
  /** The pid of the Envoy that it started, once it has. */
  envoy(): Promise<number>;
  /** To it alone. */
  signal(name: NodeJS.Signals): void;
  /** As a terminal does: to its whole process group. */
  interrupt(): void;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;
}

const bin = fileURLToPath(new URL('../../bin/cellwall.cjs', import.meta.url));

/** An Envoy, as a script in `folder`, that also listens on `port` and passes every request on to `application`. */
export async function envoyBetween(folder: string, port: number, application: number): Promise<string> {
  const binary = await findEnvoy({ env: process.env, log: silentLog });
  const at = (port_value: number): object => ({ socket_address: { address: '127.0.0.1', port_value } });
  const type = 'type.googleapis.com/envoy.extensions.filters';
  const manager = {
    '@type': `${type}.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'test',
    route_config: {
      virtual_hosts: [
        { name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'app', timeout: '0s' } }] },
      ],
    },
    http_filters: [{ name: 'router', typed_config: { '@type': `${type}.http.router.v3.Router` } }],
  };
  const listener = {
    name: 'test',
    address: at(port),
    enable_reuse_port: false,
    filter_chains: [{ filters: [{ name: 'http', typed_config: manager }] }],
  };
  const endpoints = [{ lb_endpoints: [{ endpoint: { address: at(application) } }] }];
  const cluster = { name: 'app', type: 'STATIC', load_assignment: { cluster_name: 'app', endpoints } };
  const more = JSON.stringify({ static_resources: { listeners: [listener], clusters: [cluster] } }).slice(1);
  const path = join(folder, 'envoy.sh');
  // $2 is the bootstrap's path, $4 what is merged into it: no listener starts before xDS has answered, or this time is over. A limit on
  // files is for the helper alone: at one, Envoy would end by SIGXFSZ.
  const impatient = `sed -i 's/"initial_fetch_timeout": "5s"/"initial_fetch_timeout": "0.02s"/' "$2"`;
  writeFileSync(
    path,
    `#!/bin/sh\n[ "$1" != --version ] || exec '${binary}' --version\nulimit -S -f ` +
      `unlimited\n${impatient}\npath=$2 yaml=$4; shift 4\nexec '${binary}' --config-path "$path" "$@" --config-yaml ` +
      `"\${yaml%\\}},"'${more}'\n`,
    { mode: 0o755 },
  );
  return path;
}

/** `full`: nothing more can be written to any file. */
export function startSidecarProcess(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  full = false,
): SidecarProcess {
  const limit = `ulimit -S -f ${full ? 0 : 'unlimited'}; exec "$0" "$@"`;
  const child = spawn('sh', ['-c', limit, process.execPath, bin, 'sidecar', ...args], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  const { pid } = child;
  if (pid === undefined) throw new Error('cannot start a sidecar');
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      log += chunk;
    });
  }
  let running = true;
  const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) =>
    child.once('exit', (code, signal) => {
      running = false;
      resolve({ code, signal });
    }),
  );
  return {
    pid,
    log: () => log,
    envoy: () =>
      eventually(
        'an Envoy',
        () => {
          const envoy = Number(/"pid":(\d+),"msg":"Envoy started"/.exec(log)?.[1]) || undefined;
          if (envoy === undefined && !running) throw new Error(`the sidecar ended without an Envoy: ${log}`);
          return envoy;
        },
        30_000,
      ),
    signal: (name) => void child.kill(name),
    interrupt: () => void process.kill(-pid, 'SIGINT'),
    exited,
  };
}

/** Whether a process is there; one that has ended and waits for its parent is not. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\t[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
