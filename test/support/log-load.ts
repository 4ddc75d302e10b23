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

export interface LogLoadCounts {
  /** Entries that were given to streams. */
  readonly sent: number;
  /** Those that no stream took, as Envoy drops them; and of each node that dropped any. */
  readonly dropped: number;
  readonly droppedBy: Readonly<Record<string, number>>;
}

export interface LogLoad extends AsyncDisposable {
  /** So far. */
  counts(): Promise<LogLoadCounts>;
  /** Ends it when what was begun is taken. */
  stop(): Promise<LogLoadCounts>;
}

const told = z.object({ sent: z.number(), dropped: z.number(), droppedBy: z.record(z.string(), z.number()) });

export async function startLogLoad(orders: LogLoadOrders): Promise<LogLoad> {
  const child = fork(fileURLToPath(new URL('log-load-program.ts', import.meta.url)), [JSON.stringify(orders)], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const exit = once(child, 'exit');
  await once(child, 'message');
  const ask = async (order: string): Promise<LogLoadCounts> => {
    const answer = once(child, 'message');
    child.send(order);
    const [message] = await answer;
    return told.parse(message);
  };
  return {
    counts: () => ask('counts'),
    stop: () => ask('stop'),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exit;
    },
  };
}
