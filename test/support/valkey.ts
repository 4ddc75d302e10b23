// A real Valkey for tests, on a port of its own: $REDIS_URL's server, else one started from PATH or the pinned wheel.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findValkey } from './find-valkey.ts';
import { freePorts } from './free-ports.ts';

export interface Valkey {
  readonly url: string;
  /** The server's process; absent for one that is not ours ($REDIS_URL). */
  readonly child?: ChildProcess;
  /** Stops it (SIGKILL) and starts it again on the same port, empty. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export async function startValkey(args: readonly string[] = []): Promise<Valkey> {
  const given = process.env['REDIS_URL'];
  if (given !== undefined && given !== '' && args.length === 0) {
    return { url: given, restart: () => Promise.reject(new Error('not ours')), stop: async () => {} };
  }
  const command = await findValkey(process.env, (message) => console.error(message));
  const folder = mkdtempSync(join(tmpdir(), 'cellwall-valkey-'));
  const [port = 0] = await freePorts(1);
  const start = async (): Promise<ChildProcess> => {
    const child = spawn(
      command,
      ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder, ...args],
      { stdio: 'ignore' },
    );
    const deadline = performance.now() + 10_000;
    while (!(await accepts(port))) {
      if (performance.now() > deadline || child.exitCode !== null) throw new Error('valkey does not start');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return child;
  };
  const kill = async (process: ChildProcess): Promise<void> => {
    if (process.exitCode !== null || process.signalCode !== null) return;
    const gone = new Promise((resolve) => process.once('exit', resolve));
    process.kill('SIGKILL');
    await gone;
  };
  let child = await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    get child() {
      return child;
    },
    async restart() {
      await kill(child);
      child = await start();
    },
    async stop() {
      await kill(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.write('PING\r\n'));
    socket.once('data', (data) => {
      socket.destroy();
      resolve(data.toString().startsWith('+PONG') || data.toString().startsWith('-NOAUTH'));
    });
  });
}
