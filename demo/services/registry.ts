// registry: HTTP/2 without TLS (prior knowledge), behind its sidecar.
import { createServer } from 'node:http2';
import { echo } from './caller.ts';
import { listen, type StandIn } from './stand-in.ts';

export function startRegistry(): Promise<StandIn> {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'application/json', ...echo(request.headers) });
    response.end('{"repositories":[]}');
  });
  server.on('session', (session) => session.on('error', () => session.destroy()));
  return listen(server);
}
