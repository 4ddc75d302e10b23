// A fleet that connects at once, to a server that is busy: the kernel takes every connection, and drops none for lack of room.
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { startXds } from './xds-fixture.ts';

const fleet = 1500;

/** How many connections to the port wait for the kernel's answer (SYN_SENT), and how many have it (ESTABLISHED). */
function connections(port: number): { readonly waiting: number; readonly there: number } {
  const remote = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const states = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , to = '']) => to.endsWith(remote))
    .map(([, , , state]) => state);
  const count = (state: string): number => states.filter((one) => one === state).length;
  return { waiting: count('02'), there: count('01') };
}

test('1,500 connections at once are all taken before any of them is served', async () => {
  const xds = await startXds();
  const sockets = Array.from({ length: fleet }, () => connect(xds.port, '127.0.0.1').on('error', () => undefined));
  try {
    // They are opened in this turn; what follows runs before the server can accept one.
    await new Promise<void>((resolve) => process.nextTick(resolve));
    expect(connections(xds.port)).toEqual({ waiting: 0, there: fleet });
  } finally {
    for (const socket of sockets) socket.destroy();
    await xds.close();
  }
});
