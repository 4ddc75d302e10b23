// The load generator, and the application at the end of every path: `bench/load/calls`, a Go program.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export type Protocol = 'http1' | 'grpc';

/** What it says of one run. */
export interface Sample {
  readonly calls: number;
  readonly failed: number;
  readonly error?: string;
  readonly rps: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly mibPerS: number;
}

export interface Calls {
  /** Where the application listens, on 127.0.0.1. */
  readonly application: number;
  call(port: number, protocol: Protocol, ...args: readonly string[]): Promise<Sample>;
  stop(): void;
}

export async function startCalls(folder: string): Promise<Calls> {
  const command = join(folder, 'calls');
  execFileSync('go', ['build', '-o', command, './calls'], {
    cwd: join(import.meta.dirname, '../load'),
    stdio: 'inherit',
  });
  const server = spawn(command, ['-serve'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const address = await new Promise<string>((resolve, reject) => {
    server.once('error', reject);
    server.once('exit', () => reject(new Error('the application ended')));
    createInterface({ input: server.stdout }).once('line', resolve);
  });
  return {
    application: Number(address.split(':').at(-1)),
    call: (port, protocol, ...args) =>
      new Promise((resolve, reject) => {
        const all = ['-target', `127.0.0.1:${port}`, '-protocol', protocol, ...args];
        execFile(command, all, (error, stdout) => (error ? reject(error) : resolve(JSON.parse(stdout))));
      }),
    stop: () => void server.kill('SIGKILL'),
  };
}
