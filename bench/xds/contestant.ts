// One server of a race, and the load against it: processes that end with the run.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface Contestant {
  readonly name: string;
  readonly command: string;
  readonly args: (setup: Setup) => readonly string[];
}

export interface Setup {
  readonly workload: string;
  readonly streams: number;
  readonly mode: 'delta' | 'sotw';
  /** Folder of the certificates; undefined: plaintext. */
  readonly tls: string | undefined;
}

/** What the load generator says of a phase. */
export interface Phase {
  readonly phase: string;
  readonly seen: number;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly cpuMs: number;
  readonly clientCpuMs: number;
  readonly rssKiB: number;
  readonly grownKiB: number;
  readonly bytes: number;
  readonly responses: number;
  readonly requests: number;
  /** The key exchange of its handshakes. */
  readonly group?: string;
  /** The server's own counters. */
  readonly before: Readonly<Record<string, number>> | null;
  readonly after: Readonly<Record<string, number>> | null;
  readonly errors?: readonly string[];
}

const startMs = 60_000;

export async function run(
  contestant: Contestant,
  setup: Setup,
  load: string,
  phases: readonly string[],
): Promise<readonly Phase[]> {
  const server = spawn(contestant.command, contestant.args(setup), { stdio: ['ignore', 'pipe', 'inherit'] });
  const gone = new Promise<void>((resolve) => server.once('close', () => resolve()));
  try {
    const { xds, control } = await addressesOf(server);
    const args = [
      ...['-workload', setup.workload, '-target', xds, '-control', control, '-pid', String(server.pid)],
      ...['-streams', String(setup.streams), '-mode', setup.mode],
      ...(setup.tls === undefined ? [] : ['-tls', setup.tls]),
      ...phases,
    ];
    const text = await new Promise<string>((resolve, reject) => {
      execFile(load, args, { maxBuffer: 64 << 20 }, (error, stdout) => (error ? reject(error) : resolve(stdout)));
    });
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line): Phase => JSON.parse(line));
  } finally {
    server.kill('SIGKILL');
    await gone;
  }
}

function addressesOf(server: ChildProcess): Promise<{ readonly xds: string; readonly control: string }> {
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => reject(new Error('the server does not start')), startMs);
    server.once('exit', () => reject(new Error('the server ended')));
    if (server.stdout === null) throw new Error('the server has no output');
    createInterface({ input: server.stdout }).once('line', (line) => {
      clearTimeout(limit);
      resolve(JSON.parse(line));
    });
  });
}
