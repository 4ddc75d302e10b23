// Starts log-load-program.ts.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

export interface LogLoadOrders {
  /** Of the xDS port. */
  readonly port: number;
  /** Of all together. */
  readonly entriesPerSecond: number;
  readonly proxies: readonly {
    readonly service: string;
    readonly node: string;
    /** Paths of PEM files. */
    readonly svid: { readonly chain: string; readonly key: string; readonly bundle: string };
  }[];
}

export interface LogLoad extends AsyncDisposable {
  /** Entries so far. */
  sent(): Promise<number>;
  /** Ends it when what was begun is taken; answers how many entries were sent. */
  stop(): Promise<number>;
}

const told = z.object({ sent: z.number() });

export async function startLogLoad(orders: LogLoadOrders): Promise<LogLoad> {
  const child = fork(fileURLToPath(new URL('log-load-program.ts', import.meta.url)), [JSON.stringify(orders)], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const exit = once(child, 'exit');
  await once(child, 'message');
  const ask = async (order: string): Promise<number> => {
    const answer = once(child, 'message');
    child.send(order);
    const [message] = await answer;
    return told.parse(message).sent;
  };
  return {
    sent: () => ask('sent'),
    stop: () => ask('stop'),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exit;
    },
  };
}
