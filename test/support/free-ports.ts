// Ports of 127.0.0.1 that are free now, for programs that must be told theirs. From below the range that the kernel gives to
// outgoing connections, else one of those may sit on a port before its server does; never the same twice.
import { createServer } from 'node:net';

const lowest = 20_000;
const highest = 32_000;
let next = lowest + Math.floor(Math.random() * (highest - lowest));

export async function freePorts(count: number): Promise<readonly number[]> {
  const ports: number[] = [];
  for (let tried = 0; ports.length < count; tried += 1) {
    if (tried > highest - lowest) throw new Error(`no ${count} free ports between ${lowest} and ${highest}`);
    next = next < highest ? next + 1 : lowest;
    const port = next;
    if (await isFree(port)) ports.push(port);
  }
  return ports;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
