// gitlab: an HTTP/1.1 application. What it calls is in client.ts.
import { createServer } from 'node:http';
import { echo } from './caller.ts';
import { sendSlowly, slowMs } from './slow-download.ts';
import { listen, type StandIn } from './stand-in.ts';

export function startGitlab(cell: string): Promise<StandIn> {
  const server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
    request.resume();
    const slow = slowMs(request.url);
    if (slow !== undefined) {
      response.writeHead(200, { 'content-type': 'text/plain', ...echo(request.headers) });
      return void sendSlowly(response, slow);
    }
    const health = request.url === '/-/health';
    const internal = request.url?.startsWith('/api/v4/internal/') === true;
    response.writeHead(200, { 'content-type': 'application/json', 'x-demo-cell': cell, ...echo(request.headers) });
    response.end(JSON.stringify(health ? { status: 'ok' } : internal ? { status: true } : { cell }));
  });
  // An upload that it does not want: answered before the body, which nobody reads.
  server.on('checkContinue', (_request, response) => {
    response.writeHead(413, { 'x-demo-refused': 'too large', connection: 'close' });
    response.end();
  });
  return listen(server);
}
