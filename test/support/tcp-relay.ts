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
  close(): Promise<void>;
}

export async function startTcpRelay(to: number): Promise<TcpRelay> {
  const connections: RelayedConnection[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((down) => {
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
    down.pipe(up);
    up.pipe(down);
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
  });
  await new Promise<void>((resolve) => {
    server.listen({ host: '127.0.0.1', port: 0 }, resolve);
  });
  return {
    // A TCP server that listens has an AddressInfo.
    port: (server.address() as AddressInfo).port,
    connections,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
