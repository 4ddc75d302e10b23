// Free loopback ports, outside the range that the kernel takes for outgoing connections: what the demo's own load opens can
// then never sit on the port of a server that is started again.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

const lowest = 20_000;

export interface Ports {
  next(): Promise<number>;
}

export function createPorts(): Ports {
  const highest = firstEphemeral() - 1;
  let candidate = lowest + Math.floor(Math.random() * (highest - lowest));
  let tried = 0;
  return {
    async next() {
      for (; tried < highest - lowest; tried += 1) {
        candidate = candidate >= highest ? lowest : candidate + 1;
        // Taken before anything is awaited: several may ask at once.
        const port = candidate;
        if (await isFree(port)) return port;
      }
      throw new Error(`no free port between ${lowest} and ${highest} on 127.0.0.1`);
    },
  };
}

function firstEphemeral(): number {
  try {
    const [first = ''] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').trim().split(/\s+/);
    return Math.max(Number(first), lowest + 1000);
  } catch {
    return 32_768;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
