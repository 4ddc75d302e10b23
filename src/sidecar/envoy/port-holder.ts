// Which program has a port, as text: by its socket (Linux), and the process that has that open, as far as this user may see it.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { clip } from '../../lib/clip.ts';
import { escapeLine } from '../../lib/escape.ts';
import type { HostPort } from '../../lib/host-port.ts';
import { maxHolder } from '../../lib/taken-port.ts';
import { covers, type ProcSocket, socketsOn } from './proc-sockets.ts';

/** Maximum number of files checked: a host may have millions. */
const maxFiles = 100_000;

export interface PortHolderDeps {
  readonly sockets: (port: number) => readonly ProcSocket[];
  readonly process: (socket: ProcSocket) => string | undefined;
}

/** The one that listens there, otherwise one that has a connection from there. */
export function portHolder(
  { host, port }: HostPort,
  { sockets, process: find }: PortHolderDeps = {
    sockets: socketsOn,
    process: processWith,
  },
): string {
  const isEvery = host === '0.0.0.0' || host === '::';
  const there = sockets(port).filter(({ address, inode }) => inode > 0 && (isEvery || covers(address, host)));
  const socket = there.find(({ listens }) => listens) ?? there[0];
  if (socket === undefined) return 'a program that cannot be seen from here';
  const who = find(socket) ?? strangerOf(socket);
  return clip(socket.listens ? who : `an outgoing connection of ${who}`, maxHolder);
}

function strangerOf({ uid }: ProcSocket): string {
  return uid === process.geteuid?.()
    ? 'a process that cannot be seen from here'
    : `a process of another user (uid ${uid})`;
}

function processWith({ inode }: ProcSocket): string | undefined {
  const wanted = `socket:[${inode}]`;
  let files = 0;
  for (const pid of namesIn('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    for (const file of namesIn(`/proc/${pid}/fd`)) {
      files += 1;
      if (files > maxFiles) return undefined;
      if (attempt(() => readlinkSync(`/proc/${pid}/fd/${file}`)) !== wanted) continue;
      const command = attempt(() => readFileSync(`/proc/${pid}/comm`, 'utf8').trimEnd()) ?? '?';
      return `pid ${pid} (${escapeLine(clip(command, 16))})`;
    }
  }
  return undefined;
}

/** None for a process that is gone, or another user's. */
function namesIn(folder: string): readonly string[] {
  return attempt(() => readdirSync(folder)) ?? [];
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
