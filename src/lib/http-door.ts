// A server of node:http or node:https behind a front door that limits silent connections, and what one address can cause. Each connection
// carries one request: waiting for another one would occupy resources.
import type { Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { CellwallError } from './errors.ts';
import { createFrontDoor, type FrontDoor, type FrontDoorOptions } from './front-door.ts';
import type { HostPort } from './host-port.ts';

export interface HttpDoor {
  /** Listens on `host:port`; port 0 means a free one. Throws `unavailable`. */
  listen(address: HostPort): Promise<HostPort>;
  /** See there. Each connection must be settled once it is answered. */
  readonly settled: FrontDoor['settled'];
  /** Ends every connection. */
  close(): Promise<void>;
}

export interface HttpDoorOptions extends Pick<FrontDoorOptions, 'way'> {
  /** More are closed at once, whoever opens them. Default 4096: more than wait at a front door, which chooses whom it closes. */
  readonly maxConnections?: number;
}

/** Of many that come at once, those beyond it would be heard again only a second later: the kernel drops their first packets. */
const backlog = 4096;

/** The server must not listen by itself. */
export function createHttpDoor(http: Server, { maxConnections = 4096, ...options }: HttpDoorOptions = {}): HttpDoor {
  http.maxRequestsPerSocket = 1;
  const door = createFrontDoor({ ...options, pass: (socket) => void http.emit('connection', socket) });
  // Connections that are passed on are timed out by node:http itself, once it believes that it is listening.
  http.emit('listening');
  const entrance = createTcpServer({ keepAlive: true, keepAliveInitialDelay: 60_000 }, (socket) =>
    door.welcome(socket),
  );
  entrance.maxConnections = maxConnections;
  return {
    settled: door.settled,
    listen: ({ host, port }) =>
      new Promise((resolve, reject) => {
        entrance.once('error', (cause) =>
          reject(new CellwallError('unavailable', `cannot listen on ${host}:${port}: ${cause.message}`, { cause })),
        );
        entrance.listen({ host, port, backlog }, () => {
          // A TCP server that listens has an AddressInfo.
          const bound = entrance.address() as AddressInfo;
          resolve({ host: bound.address, port: bound.port });
        });
      }),
    close: () =>
      new Promise((resolve) => {
        entrance.close(() => resolve());
        door.close();
        // It never listened itself: this ends its bookkeeping.
        http.close();
        http.closeAllConnections();
      }),
  };
}
