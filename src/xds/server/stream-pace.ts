// How often one host may open streams on the stream server's port, whatever happens to them. A stream costs work before anything is known
// about it, and one that is reset at once (CVE-2023-44487) does not count towards any limit on open streams. Counted below gRPC, including
// unknown methods: by our own HTTP/2 as it opens them; with grpc-js, where Node reports each.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { type BudgetOptions, createBudget } from '../../lib/budget.ts';

export interface StreamPace {
  /**
   * From now on its streams count for `who`; false if the budget is used up, and the connection must be closed. A connection pays for its
   * first stream as well, or for nothing: otherwise repeated attempts would use up on connections what their streams need.
   */
  admit(socket: Socket, who: string): boolean;
  /** Counts one stream of it; false if its budget is used up. */
  stream(socket: Peer): boolean;
  close(): void;
}

export interface StreamPaceOptions extends BudgetOptions {
  /** Called with the source of a connection that is closed for this reason. */
  readonly onEnded: (peer: string | undefined) => void;
}

const channel = 'http2.server.stream.created';

/** Until `close` it listens to what Node reports about every HTTP/2 stream of this process. */
export function createStreamPace({ onEnded, ...budgetOptions }: StreamPaceOptions): StreamPace {
  const budget = createBudget(budgetOptions);
  /** By connection: whose it is, and whether its next stream is paid for. */
  const holders = new Map<string, { readonly who: string; paid: boolean }>();
  const spend = (socket: Peer): boolean => {
    const holder = holders.get(nameOf(socket));
    if (holder === undefined) return true;
    const { who, paid } = holder;
    holder.paid = false;
    if (paid || budget.spend(who) === 0) return true;
    holders.delete(nameOf(socket));
    onEnded(socket.remoteAddress);
    return false;
  };
  const onStream = (message: unknown): void => {
    const { stream }: StreamCreated = Object(message);
    const { session } = stream ?? {};
    const { socket } = session ?? {};
    if (session === undefined || socket === undefined || spend(socket)) return;
    // Immediately: what follows in the same bytes costs nothing any more. gRPC is not told about it either: it would answer on a
    // stream that is gone, which throws.
    session.removeAllListeners('stream');
    session.destroy();
  };
  subscribe(channel, onStream);
  return {
    admit(socket, who) {
      if (budget.spend(who) > 0) return false;
      if (budget.spend(who) > 0) {
        budget.refund(who);
        return false;
      }
      const name = nameOf(socket);
      holders.set(name, { who, paid: true });
      socket.once('close', () => holders.delete(name));
      return true;
    },
    stream: spend,
    close: () => void unsubscribe(channel, onStream),
  };
}

type Peer = Pick<Socket, 'remoteAddress' | 'remotePort'>;

/** What Node publishes, as far as it is used. */
interface StreamCreated {
  readonly stream?: {
    readonly session?: { readonly socket?: Peer; removeAllListeners(event: 'stream'): void; destroy(): void };
  };
}

function nameOf({ remoteAddress, remotePort }: Peer): string {
  return `${remoteAddress} ${remotePort}`;
}
