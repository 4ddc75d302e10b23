// Runs one Envoy: starts it, ends it gracefully, reports its exit code. It is never restarted silently: whoever runs the sidecar notices
// its exit.
import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { LogSink } from '../../lib/log-sink.ts';
import type { Json } from '../../lib/table.ts';
import type { AdminAddress } from './bootstrap.ts';
import { cutArgs } from './cut-after.ts';
import { drainEnvoy } from './drain-envoy.ts';
import { adminAddressPath, readAdminAddress, removeEnvoyRecord, writeEnvoyRecord } from './envoy-record.ts';

export interface EnvoyProcess {
  readonly pid: number;
  /** Envoy's exit code, or 128 and the signal's number. */
  readonly exited: Promise<number>;
  /** Drains for at most `drainMs`, less if idle earlier, then ends it. */
  stop(): Promise<number>;
  /** Ends it now, even in the middle of a drain. */
  end(): void;
  /** The address of its admin interface, once it listens. */
  admin(): AdminAddress | undefined;
}

export interface EnvoyProcessOptions {
  readonly binary: string;
  readonly configPath: string;
  /** Where it runs. Stores a record of it (envoy-record.ts). */
  readonly dataDir: string;
  readonly admin: AdminAddress;
  /** Where it takes calls, "ip:port" each: for the record. */
  readonly inbounds: readonly string[];
  readonly concurrency: number;
  readonly drainMs: number;
  /** Whether the application is still there: for the drain. */
  readonly application?: () => Promise<boolean>;
  readonly logLevel: string;
  /** In its node's metadata, only for this run; not in the bootstrap, which a restart leaves unchanged. */
  readonly metadata?: Readonly<Record<string, Json>>;
  readonly extraArgs: readonly string[];
  /** Where its output goes, and what access logs of raw resources print. */
  readonly words: Pick<LogSink, 'write'>;
  readonly prints: Pick<LogSink, 'write'>;
  readonly log: Log;
}

const killAfterMs = 5000;
const maxLine = 65_536;
const signalNumbers: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGSEGV: 11, SIGTERM: 15 };

/** Resolves when the process has started, before it listens. */
export function startEnvoy(options: EnvoyProcessOptions): Promise<EnvoyProcess> {
  const { binary, configPath, dataDir, concurrency, drainMs, logLevel, metadata, extraArgs, log } = options;
  // What the previous Envoy wrote there is not this one's address.
  rmSync(adminAddressPath(dataDir), { force: true });
  const child = spawn(
    binary.includes('/') ? resolve(binary) : binary,
    [
      ...['--config-path', configPath],
      ...(metadata === undefined
        ? []
        : ['--config-yaml', JSON.stringify({ node: { metadata: { cellwall: metadata } } })]),
      ...['--concurrency', String(concurrency)],
      // With it, Envoy would ask the kernel to be ended when its parent is killed (PR_SET_PDEATHSIG), and would need shared memory.
      '--disable-hot-restart',
      ...cutArgs,
      ...['--log-level', logLevel, '--admin-address-path', adminAddressPath(dataDir)],
      ...extraArgs,
    ],
    // Its own session: a terminal's Ctrl-C goes to every process of the foreground group, and would end Envoy without a drain. Its output
    // passes through the helper: an Envoy that writes to a full pipe itself stalls, including calls.
    // In that folder, where relative paths lead to its own secrets (lib/local-secret.ts).
    { stdio: ['ignore', 'pipe', 'pipe'], detached: true, cwd: dataDir },
  );
  passOn(child.stdout, options.prints);
  passOn(child.stderr, options.words);
  return new Promise((resolve, reject) => {
    child.once('error', (cause) =>
      reject(new CellwallError('unavailable', `cannot run Envoy at ${binary}: ${cause.message}`, { cause })),
    );
    child.once('spawn', () => resolve(running(child)));
  });

  function running(envoy: ChildProcess): EnvoyProcess {
    // Set once it was spawned.
    const { pid = 0 } = envoy;
    const ending = new AbortController();
    let stopping = false;
    let ended = false;
    // However this process exits, even by an uncaught error; but not by kill -9: then the next one finds it.
    const onExit = (): void => void envoy.kill('SIGTERM');
    process.once('exit', onExit);
    note(pid);
    const exited = new Promise<number>((resolve) => {
      envoy.once('exit', (code, signal) => {
        ended = true;
        process.off('exit', onExit);
        removeEnvoyRecord(dataDir);
        if (stopping) log.info({ code, signal }, 'Envoy ended');
        else
          log.error(
            { code, signal },
            'Envoy ended by itself; the sidecar ends with it, for its supervisor to start again',
          );
        // If asked to end before it could handle signals, it is ended by the signal itself: as requested.
        if (stopping && signal === 'SIGTERM') resolve(0);
        else resolve(code ?? 128 + (signalNumbers[signal ?? ''] ?? 0));
      });
    });

    function note(pid: number): void {
      const { admin, inbounds } = options;
      try {
        writeEnvoyRecord(dataDir, {
          pid,
          config: configPath,
          inbounds,
          ...(admin.kind === 'unix' ? { adminSocket: admin.path } : {}),
        });
      } catch (reason) {
        log.warn(
          { reason: CellwallError.from(reason).message },
          'cannot note which Envoy runs: after a kill -9 it stays',
        );
      }
    }

    function admin(): AdminAddress | undefined {
      return options.admin.kind === 'unix' ? options.admin : readAdminAddress(dataDir);
    }

    function end(): void {
      stopping = true;
      ending.abort();
      envoy.kill('SIGTERM');
      setTimeout(() => {
        if (!ended) envoy.kill('SIGKILL');
      }, killAfterMs).unref();
    }

    return {
      pid,
      exited,
      admin,
      end,
      async stop() {
        if (!stopping) {
          stopping = true;
          const { application } = options;
          await drainEnvoy({
            ...{ admin: admin(), ms: drainMs, running: () => !ended, now: ending.signal, log },
            ...defined({ application }),
          });
          if (!ending.signal.aborted) end();
        }
        return exited;
      },
    };
  }
}

/** Complete lines; the rest is written at its end, too. */
function passOn(stream: Readable, words: Pick<LogSink, 'write'>): void {
  let rest = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    const text = rest + chunk;
    const end = text.lastIndexOf('\n') + 1;
    rest = text.slice(end).slice(-maxLine);
    if (end > 0) words.write(text.slice(0, end));
  });
  stream.on('end', () => {
    if (rest !== '') words.write(`${rest}\n`);
  });
  stream.on('error', () => {});
}
