// registry: HTTP/2 without TLS (prior knowledge), behind its sidecar.
import { createServer, type Http2ServerResponse } from 'node:http2';
import { setTimeout as delay } from 'node:timers/promises';
import { echo } from './caller.ts';
import { listen, type StandIn } from './stand-in.ts';

/** A blob that takes so many milliseconds, a line every twenty. */
const slowPath = /^\/v2\/slow\/(\d{1,6})$/;
const everyMs = 20;

export function startRegistry(): Promise<StandIn> {
  const server = createServer((request, response) => {
    request.resume();
    const slow = slowPath.exec(request.url)?.[1];
    if (slow !== undefined) return void download(response, Number(slow));
    response.writeHead(200, { 'content-type': 'application/json', ...echo(request.headers) });
    response.end('{"repositories":[]}');
  });
  server.on('session', (session) => session.on('error', () => session.destroy()));
  return listen(server);
}

async function download(response: Http2ServerResponse, ms: number): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/plain', ...echo(response.req.headers) });
  const lines = Math.ceil(ms / everyMs);
  for (let line = 1; line <= lines && !response.stream.destroyed; line++) {
    response.write(`${line} of ${lines}\n`);
    await delay(everyMs);
  }
  response.end('end\n');
}
