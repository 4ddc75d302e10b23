// Runs other programs for the items: to their end, with a limit, or in the background until the item is over.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

export interface CommandOptions {
  readonly cwd: string;
  /** The whole environment; default: this process's. */
  readonly env?: NodeJS.ProcessEnv;
  readonly timeoutMs?: number;
  /** Is told what comes on standard error, a line at a time; `run` alone. */
  readonly onLine?: (line: string) => void;
}

export interface Ended {
  /** The exit code; -1 when it was ended by its time limit or a signal. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

/** Runs to the end. Its whole process group is ended at the limit. */
export function run(command: string, args: readonly string[], options: CommandOptions): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const limit = setTimeout(() => endGroup(child, 'SIGKILL'), options.timeoutMs ?? 600_000);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    const { onLine } = options;
    if (onLine !== undefined) createInterface({ input: child.stderr }).on('line', onLine);
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(limit);
      resolve({ code: code ?? -1, stdout, stderr, ms: performance.now() - started });
    });
  });
}

/** Its standard output; fails if it does. */
export async function output(command: string, args: readonly string[], options: CommandOptions): Promise<string> {
  const ended = await run(command, args, options);
  if (ended.code === 0) return ended.stdout;
  throw new Error(`${command} ${args.join(' ')} ended with ${ended.code}: ${tail(ended.stderr || ended.stdout)}`);
}

export interface Background {
  readonly pid: number;
  /** What it wrote so far, both streams. */
  readonly log: () => string;
  readonly running: () => boolean;
  /** Ends it and everything it started; resolves when it is gone. */
  stop(): Promise<void>;
}

export function start(command: string, args: readonly string[], options: CommandOptions): Background {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  if (child.pid === undefined) throw new Error(`cannot start ${command}`);
  let log = '';
  const append = (chunk: Buffer): void => {
    log = (log + chunk.toString()).slice(-100_000);
  };
  child.stdout.on('data', append);
  child.stderr.on('data', append);
  let running = true;
  const gone = new Promise<void>((resolve) =>
    child.on('exit', () => {
      running = false;
      resolve();
    }),
  );
  return {
    pid: child.pid,
    log: () => log,
    running: () => running,
    async stop() {
      endGroup(child, 'SIGTERM');
      // Its leader may be an npx that ends before the sidecar that it started: killed in its drain, that would leave its Envoy.
      const end = performance.now() + 15_000;
      while (endGroup(child, 0) && performance.now() < end) await delay(50);
      endGroup(child, 'SIGKILL');
      await gone;
    },
  };
}

export function tail(text: string, lines = 15): string {
  return text.trimEnd().split('\n').slice(-lines).join('\n');
}

/** The group holds what the child started, unless that made a group of its own. Whether somebody is left in it. */
function endGroup(child: ChildProcess, signal: NodeJS.Signals | 0): boolean {
  if (child.pid === undefined) return false;
  try {
    return process.kill(-child.pid, signal);
  } catch {
    return false;
  }
}
