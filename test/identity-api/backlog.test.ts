// Hosts that all join at once, at a control plane that is busy: the kernel takes every connection, and drops none for lack of room.
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { connectionsTo } from '../support/connections-to.ts';
import { createIdentityHarness } from '../support/identity-harness.ts';

const hosts = 1500;

it('1,500 connections at once are all taken before any of them is served', async () => {
  const { address, close } = await createIdentityHarness();
  const sockets = Array.from({ length: hosts }, () => connect(address).on('error', () => undefined));
  try {
    // They are opened in this turn; what follows runs before the server can accept one.
    await new Promise<void>((resolve) => process.nextTick(resolve));
    expect(connectionsTo(address.port)).toEqual({ waiting: 0, there: hosts });
  } finally {
    for (const socket of sockets) socket.destroy();
    await close();
  }
});
