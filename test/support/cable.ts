// The cable between two control planes: cut, nothing arrives at either end, and neither is told; connections that are open, and new ones,
// only stand still.
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Cable {
  readonly port: number;
  cut(): void;
  /** What stood still goes on. */
  mend(): void;
  close(): Promise<void>;
}

/** To a port of this host. */
export async function layCable(to: number): Promise<Cable> {
  const pairs = new Set<{ readonly down: Socket; up?: Socket }>();
  let whole = true;
  const join = (pair: { readonly down: Socket; up?: Socket }): void => {
    const { down } = pair;
    const up = pair.up ?? connect({ host: '127.0.0.1', port: to });
    if (pair.up === undefined) {
      const end = (): void => {
        pairs.delete(pair);
        down.destroy();
        up.destroy();
      };
      for (const socket of [down, up]) socket.on('error', end).on('close', end);
      pair.up = up;
    }
    down.pipe(up);
    up.pipe(down);
  };
  const server = createServer((down) => {
    const pair = { down };
    pairs.add(pair);
    down.on('error', () => down.destroy());
    if (whole) join(pair);
    else down.pause();
  });
  await new Promise<void>((resolve) => {
    server.listen({ host: '127.0.0.1', port: 0 }, resolve);
  });
  return {
    // A TCP server that listens has an AddressInfo.
    port: (server.address() as AddressInfo).port,
    cut() {
      whole = false;
      for (const { down, up } of pairs) {
        down.unpipe();
        up?.unpipe();
        down.pause();
        up?.pause();
      }
    },
    mend() {
      whole = true;
      for (const pair of pairs) {
        if (pair.down.destroyed) pairs.delete(pair);
        else join(pair);
      }
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const { down, up } of pairs) {
          down.destroy();
          up?.destroy();
        }
      }),
  };
}
