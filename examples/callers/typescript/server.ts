// Answers with its caller's identity. `node server.ts PORT`
import { createServer, type IncomingHttpHeaders } from 'node:http';

interface Caller {
  readonly id: string;
  readonly cell?: string;
  readonly service?: string;
}

/** Of the sidecar's headers. Undefined: the caller has no identity. */
function callerOf(headers: IncomingHttpHeaders): Caller | undefined {
  const one = (name: string): string | undefined => {
    const value = headers[name];
    return typeof value === 'string' ? value : undefined;
  };
  const id = one('x-cellwall-peer-id');
  if (id === undefined) return undefined;
  const cell = one('x-cellwall-peer-cell');
  const service = one('x-cellwall-peer-service');
  return { id, ...(cell === undefined ? {} : { cell }), ...(service === undefined ? {} : { service }) };
}

const port = Number(process.argv[2] ?? 8080);
createServer((request, response) => {
  const caller = callerOf(request.headers);
  response.statusCode = caller === undefined ? 401 : 200;
  response.setHeader('content-type', 'application/json');
  response.end(`${JSON.stringify(caller ?? { error: 'a certificate of the mesh is required' })}\n`);
}).listen(port, '127.0.0.1');
