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

/** Enough for those that listen, which the kernel lists first: a busy host has many others. */
const listenersBytes = 262_144;
/** Enough for 100,000 sockets. */
export const everySocketBytes = 16_777_216;

/** Those with this local port, among the first `maxBytes` of the kernel's list. */
export function socketsOn(port: number, maxBytes = listenersBytes): readonly ProcSocket[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) =>
    linesOf(table, maxBytes).flatMap((line) => {
      if (!line.includes(suffix)) return [];
      const [, local = '', , state, , , , uid, , inode] = line.trim().split(/\s+/);
      if (!local.endsWith(suffix)) return [];
      const address = addressOf(local.slice(0, -suffix.length));
      return [{ address, listens: state === listening, uid: Number(uid), inode: Number(inode) }];
    }),
  );
}

/** Whether a socket at `address` conflicts with `host`, or answers there. */
export function covers(address: string, host: string): boolean {
  if (address === host || address === '::') return true;
  if (address === '0.0.0.0') return !host.includes(':');
  // An address given as loopback may be of either family.
  return isLoopback(host) && isLoopback(address);
}

const listening = '0A';

function linesOf(path: string, maxBytes: number): readonly string[] {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return [];
  }
  try {
    const chunk = Buffer.alloc(16_384);
    let text = '';
    for (let size = readSync(file, chunk); size > 0 && text.length < maxBytes; size = readSync(file, chunk)) {
      text += chunk.toString('latin1', 0, size);
    }
    return text.split('\n').slice(1);
  } catch {
    return [];
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
