// Runs one Envoy: starts it, ends it gracefully, tells its exit code. It is never started again silently: whoever runs the
// sidecar sees its end.
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { AdminAddress } from './bootstrap.ts';
import { createEnvoyAdmin } from './envoy-admin.ts';

export interface EnvoyProcess {
  readonly pid: number;
  /** Envoy's exit code, or 128 and the signal's number. */
  readonly exited: Promise<number>;
  /** Drains for at most `drainMs`, less once idle, then ends it. A second call ends it now. */
  stop(): Promise<number>;
  /** Where its admin interface listens, once it does. */
  admin(): AdminAddress | undefined;
}

export interface EnvoyProcessOptions {
  readonly binary: string;
  readonly configPath: string;
  readonly admin: AdminAddress;
  /** Envoy writes there where its admin interface listens. */
  readonly adminAddressPath: string;
  readonly concurrency: number;
  readonly drainMs: number;
  readonly logLevel: string;
  readonly extraArgs: readonly string[];
  readonly output: 'inherit' | 'ignore';
  readonly log: Log;
}

/** docs/cutting.md: what was open of a denied caller ends within 5 s. */
const cutAfterSeconds = 4;
const killAfterMs = 5000;
/** Peers learn that it drains before an idle proxy ends. */
const settleMs = 500;
const signalNumbers: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGSEGV: 11, SIGTERM: 15 };

export function startEnvoy(options: EnvoyProcessOptions): Promise<EnvoyProcess> {
  const { binary, configPath, adminAddressPath, concurrency, drainMs, logLevel, extraArgs, output, log } = options;
  const child = spawn(
    binary,
    [
      ...['--config-path', configPath, '--use-dynamic-base-id', '--concurrency', String(concurrency)],
      // ECDS refuses at once; what a changed filter chain drains is cut after this time (default 600 s).
      ...['--drain-time-s', String(cutAfterSeconds), '--drain-strategy', 'immediate'],
      ...['--log-level', logLevel, '--admin-address-path', adminAddressPath],
      ...extraArgs,
    ],
    { stdio: ['ignore', output, output] },
  );
  return new Promise((resolve, reject) => {
    child.once('error', (cause) =>
      reject(new CellwallError('unavailable', `cannot run Envoy at ${binary}: ${cause.message}`, { cause })),
    );
    child.once('spawn', () => resolve(running(child)));
  });

  function running(envoy: ChildProcess): EnvoyProcess {
    let stopping = false;
    let ended = false;
    const exited = new Promise<number>((resolve) => {
      envoy.once('exit', (code, signal) => {
        ended = true;
        // Asked to end before it could handle signals, it ends by the signal itself: as asked.
        if (stopping && signal === 'SIGTERM') resolve(0);
        else resolve(code ?? 128 + (signalNumbers[signal ?? ''] ?? 0));
      });
    });

    function admin(): AdminAddress | undefined {
      if (options.admin.kind === 'unix') return options.admin;
      try {
        const [, host, port] = /^(.*):(\d+)$/.exec(readFileSync(adminAddressPath, 'utf8').trim()) ?? [];
        return host === undefined ? undefined : { kind: 'tcp', host, port: Number(port) };
      } catch {
        return undefined;
      }
    }

    async function drain(): Promise<void> {
      const address = admin();
      if (address === undefined || drainMs === 0) return;
      const calls = createEnvoyAdmin(address);
      const end = performance.now() + drainMs;
      try {
        await calls.drain();
        await pause(Math.min(settleMs, drainMs));
        while (!ended && performance.now() < end && (await calls.connections()) > 0) await pause(100);
      } catch (reason) {
        log.debug({ reason: String(reason) }, 'ending Envoy without a drain');
      }
    }

    function end(): void {
      envoy.kill('SIGTERM');
      setTimeout(() => {
        if (!ended) envoy.kill('SIGKILL');
      }, killAfterMs).unref();
    }

    return {
      // Set once it was spawned.
      pid: envoy.pid ?? 0,
      exited,
      admin,
      async stop() {
        if (stopping) {
          end();
          return exited;
        }
        stopping = true;
        await Promise.race([drain(), exited]);
        end();
        return exited;
      },
    };
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
