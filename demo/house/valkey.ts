// A real Valkey, the TCP service of the demo: in memory only, on loopback, in plaintext.
import { connect } from 'node:net';
import { join } from 'node:path';
import { findValkey } from '../../test/support/find-valkey.ts';
import { pingValkey } from '../wire/valkey.ts';
import type { Ports } from './ports.ts';
import { type Processes, tail } from './processes.ts';
import { untilTrue } from './until.ts';

export interface ValkeyOptions {
  readonly processes: Processes;
  readonly ports: Ports;
  readonly folder: string;
  readonly note: (text: string) => void;
}

/** Answers its port, once it answers PING. */
export async function startValkey({ processes, ports, folder, note }: ValkeyOptions): Promise<number> {
  const command = await findValkey(process.env, note);
  const port = await ports.next();
  const child = processes.start({
    name: 'valkey',
    command,
    args: ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder],
    logFile: join(folder, 'valkey.log'),
  });
  await untilTrue(
    async () => {
      if (!child.running()) throw new Error(tail(child));
      const socket = connect({ host: '127.0.0.1', port });
      socket.on('error', () => {});
      const { kind } = await pingValkey(socket);
      socket.destroy();
      return kind === 'ok';
    },
    { what: 'valkey answers', withinMs: 10_000 },
  );
  return port;
}
