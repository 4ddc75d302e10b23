// HTTP/1.1 requests: on a given connection, or on those of an agent.
import { type Agent, request as httpRequest, type RequestOptions } from 'node:http';
import type { Socket } from 'node:net';
import { callerIn } from '../services/caller.ts';
import { deadlineMs, failed, type Outcome } from './outcome.ts';

export interface Http1Request {
  readonly method: string;
  readonly path: string;
  readonly json?: object;
}

/** `through`: a connected socket, used once; or an address and the agent that keeps its connections. */
export function requestHttp1(
  through: { readonly socket: Socket } | { readonly address: string; readonly agent: Agent | false },
  { method, path, json }: Http1Request,
): Promise<Outcome> {
  const body = json === undefined ? '' : JSON.stringify(json);
  const options: RequestOptions = {
    method,
    path,
    timeout: deadlineMs,
    headers: { 'content-length': Buffer.byteLength(body), ...(json && { 'content-type': 'application/json' }) },
  };
  if ('socket' in through) {
    options.createConnection = () => through.socket;
    options.headers = { ...options.headers, host: 'demo', connection: 'close' };
  } else {
    const [host = '', port = ''] = through.address.split(':');
    Object.assign(options, { host, port: Number(port), agent: through.agent });
  }
  return new Promise((resolve) => {
    const request = httpRequest(options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('error', (reason) => resolve(failed(reason)));
      response.on('end', () => {
        const code = response.statusCode ?? 0;
        if (code === 200) resolve({ kind: 'ok', body: text, caller: callerIn((name) => response.headers[name]) });
        else resolve({ kind: 'refused', code, details: text.trim() });
      });
    });
    request.on('timeout', () => request.destroy(new Error(`no answer in ${deadlineMs} ms`)));
    request.on('error', (reason) => resolve(failed(reason)));
    request.end(body);
  });
}

/** A large body, announced with `Expect: 100-continue` as git and curl do: what counts is that the answer arrives. */
export function uploadHttp1(address: string, path: string, bytes: number): Promise<Outcome> {
  const [host = '', port = ''] = address.split(':');
  return new Promise((resolve) => {
    const headers = { 'content-length': bytes, expect: '100-continue' };
    const request = httpRequest({
      host,
      port: Number(port),
      method: 'POST',
      path,
      headers,
      agent: false,
      timeout: deadlineMs,
    });
    request.on('response', (response) => {
      const code = response.statusCode ?? 0;
      response.resume();
      if (code === 200) resolve({ kind: 'ok', body: '', caller: callerIn((name) => response.headers[name]) });
      else resolve({ kind: 'refused', code, details: String(response.headers['x-demo-refused'] ?? '') });
      request.destroy();
    });
    request.on('continue', () => request.end(Buffer.alloc(bytes)));
    request.on('timeout', () => request.destroy(new Error(`no answer in ${deadlineMs} ms`)));
    request.on('error', (reason) => resolve(failed(reason)));
    request.flushHeaders();
  });
}
