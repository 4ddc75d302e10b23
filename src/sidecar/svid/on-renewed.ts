// Runs a command after each renewal, as in "nginx -s reload". One at a time: what is renewed while it runs has it run once more.
import { spawn } from 'node:child_process';
import type { Log } from '../../lib/log.ts';

export interface RunOnRenewedOptions {
  /** For the shell. It is the operator's own: nothing of a certificate is put into it. */
  readonly command: string;
  /** What it finds in its environment beside this process's. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  /** A command that runs longer is ended. Default 60,000. */
  readonly limitMs?: number;
}

/** Failures are logged: the new files are in force whatever becomes of the command. */
export function runOnRenewed({ command, env, log, limitMs = 60_000 }: RunOnRenewedOptions): () => void {
  let [running, again] = [false, false];
  const run = (): void => {
    running = true;
    const child = spawn(command, { shell: true, stdio: ['ignore', 'inherit', 'inherit'], env, detached: true });
    const limit = setTimeout(() => {
      log.warn({ command, limitMs }, 'the command after a renewal took too long, and is ended');
      end(child.pid);
    }, limitMs);
    let over = false;
    const ended = (failed: string | undefined): void => {
      if (over) return;
      over = true;
      clearTimeout(limit);
      if (failed !== undefined) log.warn({ command, reason: failed }, 'the command after a renewal failed');
      running = false;
      if (!again) return;
      again = false;
      run();
    };
    child.on('error', ({ message }) => ended(message));
    child.on('exit', (code, signal) => ended(code === 0 ? undefined : `it ended with ${code ?? signal}`));
  };
  return () => {
    if (running) again = true;
    else run();
  };
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
