// Listens on a Unix socket that nobody but this user can open, until its owner and mode are set.
import { lstatSync, rmSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import type { SocketPath } from '../lib/socket-path.ts';
import { refused } from './socket-guard.ts';

/** Throws `failed_precondition` if something is at the path that is not a socket, or a socket on which somebody listens. */
export async function listenPrivately(server: Server, { path }: SocketPath): Promise<void> {
  await clear(path);
  const listening = new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', resolve);
  });
  // It is created within this call, and must be open to nobody else until it has its owner.
  const umask = process.umask(0o177);
  try {
    server.listen(path);
  } finally {
    process.umask(umask);
  }
  try {
    await listening;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw refused(
      path,
      `cannot listen there: ${reason}`,
      'its folder must exist, and this user must be able to write to it',
    );
  }
}

/** Removes what a killed process left behind. */
async function clear(path: string): Promise<void> {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there === undefined) return;
  if (!there.isSocket()) throw refused(path, 'it is not a socket', `move ${path} away, or choose another path`);
  if (await answers(path)) throw refused(path, 'a program listens there', 'stop it, or choose another path');
  rmSync(path, { force: true });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const tried = connect(path);
    tried.once('connect', () => {
      tried.destroy();
      resolve(true);
    });
    tried.once('error', () => resolve(false));
  });
}
