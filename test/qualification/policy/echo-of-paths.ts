// An application that notes the path of each request as it arrived, and the client that sends paths no library would.
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface EchoOfPaths {
  readonly port: number;
  /** Sends one request through a proxy; the path that arrived, undefined if none did. */
  send(proxyPort: number, path: string): Promise<string | undefined>;
  /** Waits until that path passes. */
  until(proxyPort: number, path: string): Promise<void>;
  stop(): Promise<void>;
}

const limitMs = 5000;

export async function startEchoOfPaths(): Promise<EchoOfPaths> {
  const sockets = new Set<Socket>();
  const track = (socket: Socket): Socket => {
    sockets.add(socket);
    return socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  };
  const arrived = new Map<string, string>();
  const server = createServer((socket) => {
    let text = '';
    track(socket).on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
        const head = text.slice(0, end);
        text = text.slice(end + 4);
        const number = /^x-number: (\d+)\r?$/im.exec(head)?.[1];
        const target = /^\S+ (\S+) HTTP/.exec(head)?.[1];
        if (number !== undefined && target !== undefined) arrived.set(number, target);
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  let count = 0;
  const send = async (port: number, path: string): Promise<string | undefined> => {
    const number = String(count++);
    await new Promise<void>((resolve, reject) => {
      const socket = track(connect({ host: '127.0.0.1', port }));
      const timer = setTimeout(() => reject(new Error(`no answer to ${path}`)), limitMs);
      const done = (): void => {
        clearTimeout(timer);
        socket.destroy();
        resolve();
      };
      socket.on('data', (chunk: Buffer) => {
        if (/^HTTP\/1\.1 \d{3}/.test(chunk.toString('latin1'))) done();
      });
      socket.on('close', done);
      socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\nx-number: ${number}\r\nconnection: close\r\n\r\n`, 'latin1');
    });
    const found = arrived.get(number);
    arrived.delete(number);
    return found;
  };
  return {
    port: (server.address() as AddressInfo).port,
    send,
    async until(port, path) {
      const end = performance.now() + limitMs;
      while ((await send(port, path)) === undefined) {
        if (performance.now() > end) throw new Error(`${path} does not pass`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
