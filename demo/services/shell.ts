// gitlab-shell: an SSH server that greets and hangs up; for the demo only its calls matter (client.ts).
import { createServer } from 'node:net';
import { listen, type StandIn } from './stand-in.ts';

export function startShell(): Promise<StandIn> {
  return listen(
    createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.end('SSH-2.0-demo\r\n');
    }),
  );
}
