// Runs a command after each renewal, as in "nginx -s reload". One at a time: what is renewed while it runs has it run once more; one that
// fails is run again until it ends well. What its program has is what was in force when the last one that ended well began.
import { spawn } from 'node:child_process';
import type { Log } from '../../lib/log.ts';
import { createWatched, type Watchable } from '../../lib/watchable.ts';

export interface RunOnRenewedOptions {
  /** For the shell. It is the operator's own: nothing of a certificate is put into it. */
  readonly command: string;
  /** What it finds in its environment beside this process's. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  /** A command that runs longer is ended. Default 60,000. */
  readonly limitMs?: number;
  /** How soon after a failure it is run again; each time twice as late, up to 5 minutes. Default 5,000. */
  readonly againMs?: number;
  /** The program does not have what there is at the start: the command runs at once. Default false. */
  readonly isBehind?: boolean;
  /** After it no command is started any more. */
  readonly signal?: AbortSignal;
}

export interface InUse<T> {
  /** Undefined: not known. */
  readonly files: T | undefined;
  /** How the last command ended, if not well, in a few words. */
  readonly failed?: string;
}

const longestAgainMs = 300_000;

/** What the program has in use. Failures are logged: the new files are in force whatever becomes of the command. */
export function runOnRenewed<T>(
  files: Watchable<T>,
  { command, env, log, limitMs = 60_000, againMs = 5000, isBehind = false, signal }: RunOnRenewedOptions,
): Watchable<InUse<T>> {
  const inUse = createWatched<InUse<T>>({ files: isBehind ? undefined : files.value() });
  let [running, again, failures] = [false, false, 0];
  let retry: NodeJS.Timeout | undefined;
  const run = (): void => {
    clearTimeout(retry);
    if (signal?.aborted === true) return;
    running = true;
    const given = files.value();
    const child = spawn(command, { shell: true, stdio: ['ignore', 'inherit', 'inherit'], env, detached: true });
    let late = false;
    const limit = setTimeout(() => {
      log.warn({ command, limitMs }, 'the command after a renewal took too long, and is ended');
      late = true;
      end(child.pid);
    }, limitMs);
    let over = false;
    const ended = (failed: string | undefined): void => {
      if (over) return;
      over = true;
      clearTimeout(limit);
      running = false;
      if (failed === undefined) {
        failures = 0;
        inUse.set({ files: given });
      } else {
        log.warn({ command, reason: failed }, 'the command after a renewal failed');
        retry = setTimeout(run, Math.min(longestAgainMs, againMs * 2 ** Math.min(failures, 10))).unref();
        failures += 1;
        inUse.set({ files: inUse.value().files, failed });
      }
      if (!again) return;
      again = false;
      run();
    };
    child.on('error', () => ended('it was not started'));
    child.on('exit', (code, by) => {
      ended(code === 0 ? undefined : late ? 'it took too long' : `it ended with ${code ?? by}`);
    });
  };
  files.watch(() => {
    if (running) again = true;
    else run();
  });
  if (isBehind) run();
  return inUse;
}

/** With everything that it started. */
function end(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}
