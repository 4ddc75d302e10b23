// A relay between a proxy and the control plane, whose connections a test can hold or cut one by one.
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface RelayedConnection {
  /** What the proxy sends is not passed on, until it is cut. */
  hold(): void;
  cut(): void;
  readonly open: boolean;
}

export interface TcpRelay {
  readonly port: number;
  /** In the order in which they were opened. */
  readonly connections: readonly RelayedConnection[];
  /** Nothing passes in either direction, on connections that are open or come, until the function returned is called. */
  partition(): () => void;
  close(): Promise<void>;
}

export async function startTcpRelay(to: number): Promise<TcpRelay> {
  const connections: RelayedConnection[] = [];
  const sockets = new Set<Socket>();
  const waiting: (() => void)[] = [];
  const joined = new Set<{ readonly part: () => void; readonly join: () => void }>();
  let apart = false;
  const server = createServer((down) => {
    if (!apart) return join(down);
    down.on('error', () => {});
    sockets.add(down);
    waiting.push(() => join(down));
  });
  const join = (down: Socket): void => {
    if (down.destroyed) return;
    const up = connect({ host: '127.0.0.1', port: to });
    const cut = (): void => {
      down.destroy();
      up.destroy();
    };
    for (const socket of [down, up]) {
      sockets.add(socket);
      socket.on('error', cut);
      socket.on('close', () => {
        sockets.delete(socket);
        cut();
      });
    }
    const both = {
      part() {
        down.unpipe(up).pause();
        up.unpipe(down).pause();
      },
      join() {
        down.pipe(up);
        up.pipe(down);
      },
    };
    both.join();
    joined.add(both);
    down.on('close', () => joined.delete(both));
    connections.push({
      hold() {
        down.unpipe(up);
        down.pause();
      },
      cut,
      get open() {
        return !down.destroyed;
      },
    });
  };
  await new Promise<void>((resolve) => {
    server.listen({ host: '127.0.0.1', port: 0 }, resolve);
  });
  return {
    // A TCP server that listens has an AddressInfo.
    port: (server.address() as AddressInfo).port,
    connections,
    partition() {
      apart = true;
      for (const both of joined) both.part();
      return () => {
        apart = false;
        for (const both of joined) both.join();
        for (const late of waiting.splice(0)) late();
      };
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
