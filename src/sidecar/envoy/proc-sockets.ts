// The TCP sockets of this host (its network namespace), as Linux lists them. Elsewhere none.
import { closeSync, openSync, readSync } from 'node:fs';
import { isLoopback } from '../../lib/loopback.ts';

export interface ProcSocket {
  /** `0.0.0.0` and `::` stand for all addresses of the host. */
  readonly address: string;
  readonly listens: boolean;
  readonly uid: number;
  /** 0: no process has it any more. */
  readonly inode: number;
}

/** Enough for 100,000 sockets. */
const everySocketBytes = 16_777_216;
const tables = ['/proc/net/tcp', '/proc/net/tcp6'] as const;

/** Those with this local port. On a busy host this takes tens of milliseconds. */
export function socketsOn(port: number): readonly ProcSocket[] {
  return tables.flatMap((table) => socketsIn(read(table, 16_384, everySocketBytes), port));
}

/** Those that listen on a port, as of now: read once, to be asked for any number of ports. For looking often. */
export function readListeners(): (port: number) => readonly ProcSocket[] {
  const texts = tables.filter((table) => table !== '/proc/net/tcp6' || isAnyIpv6()).map(listenersIn);
  return (port) => texts.flatMap((text) => socketsIn(text, port).filter(({ listens }) => listens));
}

function socketsIn(table: string, port: number): readonly ProcSocket[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return table.split('\n').flatMap((line) => {
    if (!line.includes(suffix)) return [];
    const [, local = '', , state, , , , uid, , inode] = line.trim().split(/\s+/);
    if (!local.endsWith(suffix)) return [];
    const address = addressOf(local.slice(0, -suffix.length));
    return [{ address, listens: state === listening, uid: Number(uid), inode: Number(inode) }];
  });
}

/**
 * The kernel lists listening sockets first. Beyond them it goes through a table whose size depends on the host's memory, which takes it
 * milliseconds; so little more than a line is asked for at a time, until the first line of another socket.
 */
function listenersIn(table: string): string {
  return read(table, 200, 262_144, (text) => otherSocket.test(text));
}

/** ` 12: local remote state`, at the beginning of a line; not the heading. */
const otherSocket = /^ *\d+: \S+ \S+ (?!0A )[0-9A-F]{2} /m;

/** If there is none, the kernel would go through all of its table to find that out. */
function isAnyIpv6(): boolean {
  return !/^TCP6: inuse 0$/m.test(read('/proc/net/sockstat6', 4096, 4096));
}

/** Whether a socket at `address` conflicts with `host`, or answers there. */
export function covers(address: string, host: string): boolean {
  if (address === host || address === '::') return true;
  if (address === '0.0.0.0') return !host.includes(':');
  // An address given as loopback may be of either family.
  return isLoopback(host) && isLoopback(address);
}

const listening = '0A';

/** Empty where there is no such file. */
function read(path: string, chunkBytes: number, maxBytes: number, enough?: (text: string) => boolean): string {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return '';
  }
  try {
    const chunk = Buffer.alloc(chunkBytes);
    let text = '';
    let before = '';
    for (let size = readSync(file, chunk); size > 0 && text.length < maxBytes; size = readSync(file, chunk)) {
      const part = chunk.toString('latin1', 0, size);
      text += part;
      // A line may have begun in the part before.
      if (enough?.(before + part) === true) break;
      before = part;
    }
    return text;
  } catch {
    return '';
  } finally {
    closeSync(file);
  }
}

/** 32-bit words in the host's byte order, which is little-endian on supported platforms. */
function addressOf(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).reverse());
  const numbers = bytes.map((byte) => Number.parseInt(byte, 16));
  if (numbers.length === 4) return numbers.join('.');
  if (numbers.every((byte) => byte === 0)) return '::';
  if (numbers.slice(0, 15).every((byte) => byte === 0) && numbers[15] === 1) return '::1';
  if (numbers.slice(0, 10).every((byte) => byte === 0) && numbers[10] === 255) return numbers.slice(12).join('.');
  return Array.from({ length: 8 }, (_, at) =>
    ((numbers[2 * at] ?? 0) * 256 + (numbers[2 * at + 1] ?? 0)).toString(16),
  ).join(':');
}
