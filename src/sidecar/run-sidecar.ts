// `cellwall sidecar`: attests, writes the bootstrap, runs Envoy, keeps the identity of its xDS connection fresh, hands signals
// on. Imports little, as it stands beside every service: no gRPC, no schema library, no X.509 library.
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ensureSecretFolder, writeSecretFile } from '../identity/secret-file.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Redacted } from '../lib/redacted.ts';
import { adminOf } from './admin-address.ts';
import type { AdminAddress } from './bootstrap.ts';
import { findEnvoy } from './envoy-binary.ts';
import { startEnvoy } from './envoy-process.ts';
import { type HostPort, parseHostPort } from './host-port.ts';
import { loadNodeKey } from './node-key.ts';
import { createSvidFiles } from './svid-files.ts';
import { createSvidKeeper } from './svid-keeper.ts';
import { writeConfig } from './write-config.ts';
import { writeXdsSecrets } from './write-xds-secrets.ts';
import type { XdsVariant } from './xds-variant.ts';

export interface SidecarOptions {
  /** Identity API, "host:port". */
  readonly identity: string;
  /** xDS server, "host:port". */
  readonly xds: string;
  readonly token?: Redacted<string> | undefined;
  /** Keeps the node key, the SVID and the instance; mode 0700. */
  readonly dataDir: string;
  /** Where it listens for peers, "ip:port". */
  readonly inbound?: string;
  /** Where the application listens, "ip:port". */
  readonly application?: string;
  /** Tells the proxies of one service apart: a-z, 0-9, "-". Default random, kept in `dataDir`. */
  readonly instance?: string;
  readonly envoyPath?: string;
  /** "ip:port" on loopback, or "unix:<path>". Default a socket in `dataDir`. */
  readonly admin?: string;
  readonly envoyArgs?: readonly string[];
  /** Envoy's worker threads. Default 1. */
  readonly concurrency?: number;
  /** Longest drain at the end. Default 10. */
  readonly drainSeconds?: number;
  readonly variant?: XdsVariant;
  readonly envoyLogLevel?: 'trace' | 'debug' | 'info' | 'warning' | 'error' | 'critical' | 'off';
  /** Where Envoy's own output goes. Default "inherit". */
  readonly envoyOutput?: 'inherit' | 'ignore';
  /** For finding Envoy: PATH, ENVOY_BIN. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  readonly clock?: Clock;
  /** End gracefully on SIGTERM and SIGINT, now on a second one. Default true. */
  readonly handleSignals?: boolean;
}

export interface Sidecar {
  readonly spiffeId: string;
  /** `<SPIFFE ID>~<instance>`. */
  readonly node: string;
  readonly envoyPid: number;
  /** Where Envoy's admin interface listens, once it does. */
  admin(): AdminAddress | undefined;
  /** Envoy's exit code: the sidecar's own. */
  readonly exited: Promise<number>;
  stop(): Promise<number>;
}

export async function runSidecar(options: SidecarOptions): Promise<Sidecar> {
  const { log, clock = systemClock, env, token, drainSeconds = 10, concurrency = 1 } = options;
  const server = parseHostPort('identity address', options.identity);
  const xds = parseHostPort('xDS address', options.xds);
  const inbound = ipPort('inbound', options.inbound);
  const application = ipPort('application', options.application);
  const dataDir = resolve(options.dataDir);
  ensureSecretFolder(dataDir);
  const admin = adminOf(options.admin, dataDir);
  const instance = instanceOf(options.instance, dataDir);

  const waiting = new AbortController();
  let stop = (): void => waiting.abort();
  const onSignal = (): void => stop();
  const { handleSignals = true } = options;
  if (handleSignals) for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, onSignal);
  const unhandle = (): void => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.off(name, onSignal);
  };

  try {
    const svidDir = join(dataDir, 'svid');
    const { envoyPath } = options;
    const [binary, keeper] = await Promise.all([
      findEnvoy({ env, log, ...(envoyPath === undefined ? {} : { path: envoyPath }) }),
      createSvidKeeper({
        server,
        ...(token === undefined ? {} : { token }),
        nodeKey: await loadNodeKey(dataDir),
        files: createSvidFiles(svidDir),
        clock,
        log,
        onRenewed: (svid) => void writeXdsSecrets(dataDir, svid),
        signal: waiting.signal,
      }),
    ]);
    const svid = keeper.current();
    const { spiffeId } = svid;
    const config = writeConfig({
      dir: dataDir,
      svid,
      spiffeId,
      instance,
      ...(inbound === undefined ? {} : { inbound }),
      ...(application === undefined ? {} : { application }),
      xds,
      variant: options.variant ?? 'delta',
      admin,
    });
    const envoy = await startEnvoy({
      binary,
      configPath: config.path,
      admin,
      adminAddressPath: join(dataDir, 'admin-address'),
      concurrency,
      drainMs: drainSeconds * 1000,
      logLevel: options.envoyLogLevel ?? 'warning',
      extraArgs: options.envoyArgs ?? [],
      output: options.envoyOutput ?? 'inherit',
      log,
    });
    log.info({ spiffeId, instance, pid: envoy.pid }, 'Envoy started');
    stop = () => {
      void envoy.stop();
    };
    if (waiting.signal.aborted) stop();
    const exited = envoy.exited.then((code) => {
      keeper.close();
      unhandle();
      log.info({ code }, 'Envoy ended');
      return code;
    });
    return {
      spiffeId,
      node: `${spiffeId}~${instance}`,
      envoyPid: envoy.pid,
      admin: envoy.admin,
      exited,
      async stop() {
        await envoy.stop();
        return exited;
      },
    };
  } catch (reason) {
    unhandle();
    throw reason;
  }
}

function ipPort(what: string, text: string | undefined): HostPort | undefined {
  if (text === undefined) return undefined;
  const parsed = parseHostPort(`${what} address`, text);
  if (/^[0-9.]+$|:/.test(parsed.host) && parsed.port > 0) return parsed;
  throw new CellwallError('invalid_argument', `${what} address "${text}" is no "ip:port"`, {
    hint: 'as in 10.0.0.5:8443',
  });
}

function instanceOf(given: string | undefined, dataDir: string): string {
  const path = join(dataDir, 'instance');
  const instance = given ?? (existsSync(path) ? readFileSync(path, 'utf8').trim() : randomBytes(6).toString('hex'));
  if (!/^[a-z0-9-]{1,64}$/.test(instance)) {
    throw new CellwallError('invalid_argument', 'the instance is not of a-z, 0-9 and "-", 64 at most', {
      hint: given === undefined ? `remove ${path}` : 'pass another --instance',
    });
  }
  if (given === undefined && !existsSync(path)) writeSecretFile(path, `${instance}\n`);
  return instance;
}
