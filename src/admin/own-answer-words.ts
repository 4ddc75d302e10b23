// Why a caller's own sidecar answered a call itself, and what to do, from Envoy's details. docs/http.md says the same for readers.
import { type AnswerCause, type AnswerWords, answerWords, answerCause as cause } from './answer-words.ts';

const reset = 'upstream_reset_before_response_started{';
const lookAtTarget = '"cellwall status" shows the proxies of TARGET: where each listens, and whether it serves';
const asksWell = 'the request must be written differently: docs/http.md says what is accepted';

const causes: readonly AnswerCause[] = [
  cause('too_many_headers', 'the request has over 1,000 headers', 'send fewer: docs/http.md, "Sizes"'),
  cause(
    'headers_too_large',
    "the names and values of the request's headers are over 256 KiB together",
    'send less, cookies first: docs/http.md, "Sizes"',
  ),
  cause(
    'direct_response',
    'the request has a Host that is not served on that port',
    'call 127.0.0.1, localhost or another name without a dot, or add the name to `hosts` of this dependency',
  ),
  cause(
    'upgrade_failed',
    'the request asks for a WebSocket, which only an HTTP/1.1 service accepts',
    '`protocol: http1` and `upgrades: [websocket]` in the document of TARGET, if that is what it speaks',
  ),
  cause('missing_host_header', 'the request has no Host, which HTTP/1.1 requires', 'send one'),
  cause(
    ['path_rejected'],
    'the request has no path (OPTIONS * is not supported)',
    'send it with a path that begins with "/"',
  ),
  cause('route_not_found', 'the request has no path (CONNECT is not supported)', 'a `tcp` dependency carries it'),
  cause('path_normalization_failed', 'the path of the request is not valid (it has a fragment, "#")', asksWell),
  cause('invalid_transfer_encoding', 'the only known transfer encoding is "chunked"', 'send none, or chunked'),
  cause(
    'content_length_and_chunked',
    'the request has both a length and chunks, which servers interpret differently',
    'send one of the two',
  ),
  cause('invalid_characters', 'a header of the request has a control character in it', asksWell),
  cause('low_version', 'the request uses an unsupported version of HTTP', 'use HTTP/1.1 or HTTP/2'),
  cause(
    'codec_error',
    "the request is not valid HTTP, its path is not ASCII, or Envoy does not know its method (such as Vault's LIST)",
    asksWell,
  ),
  cause('no_healthy_upstream', 'TARGET has no endpoint that serves', lookAtTarget),
  cause(
    'cluster_not_found',
    'it does not know TARGET yet, or no longer does',
    '"cellwall status" shows whether this proxy accepted its configuration',
  ),
  cause(
    [reset, 'SAN'],
    "what listens at the endpoint of TARGET has somebody else's certificate",
    'the endpoint leads to another service: look at `endpoints` of TARGET, and at LISTENS in "cellwall status"',
  ),
  cause(
    [reset, 'CERTIFICATE_VERIFY_FAILED'],
    'what listens at the endpoint of TARGET has no certificate that is trusted here',
    'the endpoint is not a sidecar of this mesh, or its certificate has expired: "cellwall certs", and the clocks',
  ),
  cause(
    [reset, 'connection_timeout'],
    'no endpoint of TARGET accepted the connection in time',
    `a network in between, or a frozen host (\`timeouts.connect\` of TARGET); ${lookAtTarget}`,
  ),
  cause(
    [reset, 'refused_stream'],
    'the sidecar of TARGET accepts no more requests on this connection, nor on the next',
    lookAtTarget,
  ),
  cause(
    [reset, 'onnection_refused'],
    'nothing listens at the endpoint of TARGET',
    `its sidecar disappeared less than 30 s ago, or \`endpoints\` are wrong; ${lookAtTarget}`,
  ),
  cause(
    [reset, 'connection_failure'],
    'the connection to the endpoint of TARGET failed before a request could be sent',
    `what listens there is not a sidecar, or is shutting down; ${lookAtTarget}`,
  ),
  cause(
    [reset, 'protocol_error'],
    'the answer from the endpoint of TARGET is not valid HTTP',
    'check the application of TARGET, or what listens there: docs/http.md',
  ),
  cause(
    [reset, 'overflow'],
    'it has as many open calls to TARGET as it allows',
    'TARGET answers too slowly, or is called too often',
  ),
  cause(
    reset,
    'the connection to TARGET broke before an answer; whether the request was executed is not known',
    `its sidecar or host went down, or a rule cut it (docs/cutting.md); ${lookAtTarget}`,
  ),
  cause(
    'per_try_timeout',
    'no attempt got an answer within `retries.perTryTimeout` of TARGET',
    'the request may have been executed; a longer time in its document',
  ),
  cause(
    'response_timeout',
    'TARGET did not answer within `timeouts.request`',
    'the request may have been executed; a longer time in its document',
  ),
  cause(
    'idle_timeout',
    'nothing was sent in either direction for `timeouts.idle` of TARGET',
    'the request may have been executed; a longer time in its document',
  ),
  cause('timeout', 'the request took too long', 'the request may have been executed; the `timeouts` of TARGET'),
  cause('overload', 'its Envoy is short of memory or connections', "the log of this sidecar, and its host's limits"),
];

/** `details`: Envoy's %RESPONSE_CODE_DETAILS%. */
export function ownAnswerWords(details: string, target: string): AnswerWords {
  return answerWords(causes, details, target);
}
