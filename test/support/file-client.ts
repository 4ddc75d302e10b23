// `cellwall svid fetch --watch` as its users run it: a process that keeps certificates as files for a program.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { eventually } from './eventually.ts';

export interface FileClient {
  readonly pid: number;
  /** What it said, on both streams. */
  log(): string;
  stop(): Promise<void>;
}

export interface FileClientOptions {
  /** The identity API, "host:port". */
  readonly identity: string;
  readonly spiffeId: string;
  readonly token: string;
  readonly dir: string;
  readonly onRenew?: string;
}

const bin = fileURLToPath(new URL('../../bin/cellwall.cjs', import.meta.url));

/** Resolves once the files are there. */
export async function startFileClient({
  identity,
  spiffeId,
  token,
  dir,
  onRenew,
}: FileClientOptions): Promise<FileClient> {
  const args = [bin, 'svid', 'fetch', '--spiffe-id', spiffeId, '--dir', dir, '--watch', '--identity-address', identity];
  const child = spawn(process.execPath, [...args, ...(onRenew === undefined ? [] : ['--on-renew', onRenew])], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, CELLWALL_TOKEN: token },
  });
  let [log, out, running] = ['', '', true];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
    log += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  const exited = new Promise<void>((resolve) =>
    child.once('exit', () => {
      running = false;
      resolve();
    }),
  );
  const stop = async (): Promise<void> => {
    child.kill('SIGCONT');
    child.kill('SIGTERM');
    await exited;
  };
  await eventually(
    'it has its files',
    () => {
      if (!running) throw new Error(`svid fetch ended: ${log}`);
      return out.includes('spiffe://') || undefined;
    },
    30_000,
  ).catch(async (reason: unknown) => {
    await stop();
    throw reason;
  });
  return { pid: child.pid ?? 0, log: () => log, stop };
}
