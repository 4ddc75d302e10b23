// Requests that fail on their way to an application that is there, each with the cause that `doctor` must name.
import type { Expected } from './diagnosed.ts';

export interface RequestRow extends Expected {
  readonly call: string;
  readonly to: 'api' | 'grpc';
  readonly bytes: string;
  readonly status: number;
}

export const request = (path: string, headers = 'Host: a\r\n', method = 'GET'): string =>
  `${method} ${path} HTTP/1.1\r\n${headers}Connection: close\r\n\r\n`;
const lines = (count: number): string => Array.from({ length: count }, (_, at) => `x-${at}: 1\r\n`).join('');
const asksWell = /docs\/http\.md/;
const api = (call: string, bytes: string, status: number, expected: Expected): RequestRow => ({
  ...{ call, to: 'api', bytes, status },
  ...expected,
});

export const requestRows: readonly RequestRow[] = [
  // Refused by policy.
  api('a path that no rule allows', request('/closed?secret'), 403, {
    ...{ cause: 'denied', what: /policy denies GET \/closed/, toDo: /apply the rule below/ },
  }),
  api('a method that no rule allows', request('/fine', 'Host: a\r\n', 'DELETE'), 403, {
    ...{ cause: 'denied', what: /policy denies DELETE \/fine/, toDo: /apply the rule below/ },
  }),
  api('a path that a rule denies', request('/denied/x'), 403, {
    ...{ cause: 'denied', what: /deny rule .* matches/, toDo: /change the rule at AuthorizationPolicy\/never / },
  }),
  api('no token', request('/token'), 403, {
    ...{ cause: 'token-missing', what: /asks for a token of gitlab for "api" as well/, toDo: /send the token/ },
  }),
  api('an escaped slash', request('/fine%2Fx'), 400, {
    // Refused before there is a log entry that names it.
    path: '/fine%2Fx',
    ...{ cause: 'path-refused', what: /an escaped slash/, toDo: /authorization-semantics/ },
  }),
  // Refused by the caller's own sidecar.
  api('too many headers', request('/fine', `Host: a\r\n${lines(1100)}`), 431, {
    ...{ cause: 'too-many-headers', what: /over 1,000 headers/, toDo: /send fewer/ },
  }),
  api('headers too large', request('/fine', `Host: a\r\nx: ${'y'.repeat(300_000)}\r\n`), 431, {
    ...{ cause: 'headers-too-large', what: /over 256 KiB/, toDo: /cookies first/ },
  }),
  api('the Host of somebody else', request('/fine?secret', 'Host: evil.example\r\n'), 403, {
    ...{ cause: 'host-not-served', what: /a Host that is not served/, toDo: /`hosts`/ },
  }),
  api('no Host', request('/fine', ''), 400, { cause: 'no-host', what: /no Host/, toDo: /send one/ }),
  api('OPTIONS *', request('*', 'Host: a\r\n', 'OPTIONS'), 404, {
    ...{ cause: 'no-path', what: /no path/, toDo: /begins with/ },
  }),
  api('CONNECT', request('a:1', 'Host: a:1\r\n', 'CONNECT'), 404, { cause: 'no-path', what: /no path/, toDo: /tcp/ }),
  api('a fragment', request('/fine#x'), 400, { cause: 'path-not-valid', what: /fragment/, toDo: asksWell }),
  api('a control character', request('/fine', 'Host: a\r\nx: \0\r\n'), 400, {
    ...{ cause: 'header-characters', what: /control character/, toDo: asksWell },
  }),
  api('a method of Vault', request('/fine', 'Host: a\r\n', 'LIST'), 400, {
    ...{ cause: 'request-not-http', what: /Vault's LIST/, toDo: asksWell },
  }),
  api(
    'a length and chunks',
    request('/fine', 'Host: a\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n', 'POST'),
    400,
    {
      ...{ cause: 'length-and-chunks', what: /both a length and chunks/, toDo: /one of the two/ },
    },
  ),
  api('another transfer encoding', request('/fine', 'Host: a\r\ntransfer-encoding: gzip\r\n', 'POST'), 501, {
    ...{ cause: 'transfer-encoding', what: /"chunked"/, toDo: /chunked/ },
  }),
  {
    ...{ call: 'a WebSocket to gRPC', to: 'grpc', status: 403 },
    bytes: 'GET /cable HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    ...{ cause: 'upgrade-refused', what: /asks for a WebSocket/, toDo: /upgrades: \[websocket\]/ },
  },
  // Not answered by the application as it should be.
  api('an answer with two lengths', request('/twice?secret'), 502, {
    ...{ cause: 'application-not-http', what: /is ambiguous/, toDo: asksWell },
  }),
  api('an answer that is no HTTP', request('/garbage'), 502, {
    ...{ cause: 'application-not-http', what: /not valid HTTP/, toDo: asksWell },
  }),
  api('too many headers in the answer', request('/headers'), 502, {
    ...{ cause: 'application-not-http', what: /over 1,000 headers/, toDo: asksWell },
  }),
  api('an application that closes early', request('/closes'), 503, {
    ...{
      cause: 'application-closes',
      what: /closed the connection without an answer/,
      toDo: /timeouts\.applicationIdle/,
    },
  }),
  api('an application that resets', request('/resets'), 503, {
    ...{ cause: 'application-closes', what: /closed the connection/, toDo: /may have been executed/ },
  }),
  api('an answer that stops midway', request('/half'), 200, {
    ...{ cause: 'application-breaks-off', what: /ended before its length/, toDo: /exited or gave up midway/ },
  }),
  api('an answer with a bad chunk', request('/bad-chunk'), 200, {
    ...{ cause: 'application-breaks-off', what: /stopped being valid HTTP/, toDo: /exited or gave up midway/ },
  }),
  api('an answer that does not come', request('/slow'), 504, {
    ...{
      cause: 'answer-slow',
      what: /did not answer within `timeouts\.request`|took too long/,
      toDo: /timeouts|longer time/,
    },
  }),
];
