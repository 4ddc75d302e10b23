// topology-service's other port: the same as REST over HTTP/1.1, as the HTTP Router calls it.
import { createServer, type IncomingMessage } from 'node:http';
import { echo } from './caller.ts';
import { type ClassifyRequest, classify } from './directory.ts';
import { listen, type StandIn } from './stand-in.ts';

const maxBody = 65_536;

export function startTopologyRest(): Promise<StandIn> {
  return listen(
    createServer(async (request, response) => {
      const answer = (code: number, body: object): void => {
        response.writeHead(code, { 'content-type': 'application/json', ...echo(request.headers) });
        response.end(JSON.stringify(body));
      };
      if (request.url === '/healthz') return answer(200, { status: 'ok' });
      if (request.method !== 'POST' || request.url !== '/v1/classify') return answer(404, { error: 'no such path' });
      const parsed = await readJson(request);
      if (parsed === undefined) return answer(400, { error: 'not a ClassifyRequest' });
      const address = classify(parsed);
      if (address === undefined) answer(404, { error: 'no cell fits' });
      else answer(200, { action: 'PROXY', proxy: { address } });
    }),
  );
}

async function readJson(request: IncomingMessage): Promise<ClassifyRequest | undefined> {
  let text = '';
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > maxBody) return undefined;
  }
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
