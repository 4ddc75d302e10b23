// Which request a socket answers, so that a find says more than "socket".
import { subscribe } from 'node:diagnostics_channel';
import { EventEmitter } from 'node:events';
import type { Origin } from './keeper.ts';

export function labelAnswers(label: (socket: object, origin: Origin) => void): void {
  // Node's own http, and fetch (undici).
  subscribe('http.client.request.start', (message) => {
    const request = member(message, 'request');
    if (!(request instanceof EventEmitter)) return;
    const origin = originOf(request);
    const socket = member(request, 'socket');
    if (isObject(socket)) label(socket, origin);
    else request.once('socket', (later: object) => label(later, origin));
  });
  subscribe('undici:client:sendHeaders', (message) => {
    const [request, socket] = [member(message, 'request'), member(message, 'socket')];
    if (isObject(request) && isObject(socket)) label(socket, originOf(request));
  });
}

function originOf(request: object): Origin {
  const method = String(member(request, 'method'));
  const [path = ''] = String(member(request, 'path')).split('?', 1);
  // Long words may be secrets.
  return { kind: 'answer', label: `${method} ${path.replaceAll(/[^/]{25,}/g, '…')}` };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function member(of: unknown, name: string): unknown {
  return isObject(of) ? Reflect.get(of, name) : undefined;
}
