// The `cellwall` command, as the demo runs it: by its bin, with the addresses of this run's control plane in the environment.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Child, ChildOptions, Processes } from './processes.ts';

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Cellwall {
  /** Runs a command to its end. */
  run(...args: readonly string[]): Promise<CommandResult>;
  /** The same; a failure throws what it said. Answers stdout. */
  expect(...args: readonly string[]): Promise<string>;
  /** Starts one that stays. */
  start(args: readonly string[], options: Omit<ChildOptions, 'command' | 'args' | 'ipc'>): Child;
}

const bin = fileURLToPath(new URL('../../bin/cellwall.cjs', import.meta.url));

export function createCellwall(processes: Processes, env: Readonly<Record<string, string>>): Cellwall {
  const run: Cellwall['run'] = (...args) =>
    new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [bin, ...args], {
        env: { ...process.env, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: 30_000,
        signal: processes.ending,
      });
      let stdout = '';
      let stderr = '';
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        stdout += chunk;
      });
      child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
        stderr += chunk;
      });
      child.on('error', reject);
      child.on('close', (code) => resolve({ code, stdout, stderr }));
    });
  return {
    run,
    async expect(...args) {
      const { code, stdout, stderr } = await run(...args);
      if (code === 0) return stdout;
      const shown = args.map((arg, at) => (args[at - 1] === '--token' ? '[redacted]' : arg)).join(' ');
      throw new Error(`cellwall ${shown} exited with ${code}:\n${(stderr || stdout).trim()}`);
    },
    start: (args, options) =>
      processes.start({
        ...options,
        command: process.execPath,
        args: [bin, ...args],
        env: { ...env, ...options.env },
      }),
  };
}
