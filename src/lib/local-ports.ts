// Ports that this host's kernel uses for outgoing connections: a server on one of them may find it taken after a restart.
import { readFileSync } from 'node:fs';

export interface LocalPorts {
  /** Whether an outgoing connection may have it. */
  taken(port: number): boolean;
  readonly first: number;
  readonly last: number;
}

type Read = (name: string) => string;

const fromProc: Read = (name) => readFileSync(`/proc/sys/net/ipv4/${name}`, 'utf8');

/** Undefined if that cannot be determined. */
export function localPorts(read: Read = fromProc): LocalPorts | undefined {
  const [, from, to] = /^(\d+)\s+(\d+)\s*$/.exec(textOf('ip_local_port_range', read)) ?? [];
  const [first, last] = [Number(from), Number(to)];
  if (!(first <= last)) return undefined;
  const reserved = textOf('ip_local_reserved_ports', read)
    .trim()
    .split(',')
    .flatMap((part): readonly (readonly [number, number])[] => {
      const [, low, high = low] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? [];
      return low === undefined ? [] : [[Number(low), Number(high)]];
    });
  const isReserved = (port: number): boolean => reserved.some(([low, high]) => low <= port && port <= high);
  return { first, last, taken: (port) => first <= port && port <= last && !isReserved(port) };
}

function textOf(name: string, read: Read): string {
  try {
    return read(name);
  } catch {
    return '';
  }
}
