// A fleet that connects at once, to a server that is busy: the kernel takes every connection, and drops none for lack of room.
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { connectionsTo } from '../support/connections-to.ts';
import { startXds } from './xds-fixture.ts';

const fleet = 1500;

test('1,500 connections at once are all taken before any of them is served', async () => {
  const xds = await startXds();
  const sockets = Array.from({ length: fleet }, () => connect(xds.port, '127.0.0.1').on('error', () => undefined));
  try {
    // They are opened in this turn; what follows runs before the server can accept one.
    await new Promise<void>((resolve) => process.nextTick(resolve));
    expect(connectionsTo(xds.port)).toEqual({ waiting: 0, there: fleet });
  } finally {
    for (const socket of sockets) socket.destroy();
    await xds.close();
  }
});
