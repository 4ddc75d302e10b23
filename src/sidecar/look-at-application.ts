// Is the application there, and can it be reached around its sidecar? Its port is looked up among the sockets that listen on this host
// (Linux), which nobody notices; elsewhere, for other hosts, and for a socket, a connection tells. Nothing is sent.
import { closeSync, openSync, readSync } from 'node:fs';
import { connect } from 'node:net';
import { isLoopback } from '../lib/loopback.ts';
import type { ApplicationAddress } from './application-address.ts';

export interface ApplicationLook {
  readonly answers: boolean;
  /** Why a connection was refused: of a socket often that it is another user's (EACCES). */
  readonly why?: string;
  /** Addresses beyond loopback on which its port is open: `0.0.0.0` and `::` are every one of the host. */
  readonly around: readonly string[];
}

const timeoutMs = 1000;

export async function lookAtApplication(application: ApplicationAddress): Promise<ApplicationLook> {
  // Who may open a socket is up to its mode and its folder.
  if ('path' in application) return { ...(await connects(application)), around: [] };
  const { host, port } = application;
  const open = listeners(port);
  const around = open.filter((address) => !isLoopback(address));
  // A look that finds nothing is no proof: it may be of another network namespace.
  const found = open.some((address) => covers(address, host));
  return { ...(found ? { answers: true } : await connects(application)), around };
}

function covers(address: string, host: string): boolean {
  if (address === host || address === '::') return true;
  if (address === '0.0.0.0') return !host.includes(':');
  // What is said to be on loopback may be on either family's.
  return isLoopback(host) && isLoopback(address);
}

function connects(application: ApplicationAddress): Promise<Pick<ApplicationLook, 'answers' | 'why'>> {
  return new Promise((resolve) => {
    const socket = connect(application);
    const end = (look: Pick<ApplicationLook, 'answers' | 'why'>): void => {
      socket.destroy();
      resolve(look);
    };
    socket.setTimeout(timeoutMs, () => end({ answers: false, why: 'no answer' }));
    socket.on('connect', () => end({ answers: true }));
    socket.on('error', (reason) => end({ answers: false, why: 'code' in reason ? String(reason.code) : 'refused' }));
  });
}

/** Addresses on which somebody listens at that port. */
function listeners(port: number): readonly string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) =>
    linesOf(table).flatMap((line) => {
      const [, local = '', , state] = line.trim().split(/\s+/);
      return state === listening && local.endsWith(suffix) ? [addressOf(local.slice(0, -suffix.length))] : [];
    }),
  );
}

const listening = '0A';
const maxBytes = 262_144;

/** Its beginning: the kernel tells those that listen first, and a busy host has many others. */
function linesOf(path: string): readonly string[] {
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

/** 32-bit words of the host's own byte order, which is little on what is supported. */
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
