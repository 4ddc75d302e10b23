// Why a caller's own sidecar answered a call itself, and what to do, from Envoy's details. docs/http.md says the same for readers.
import { type AnswerCause, type AnswerWords, answerWords, answerCause as cause } from './answer-words.ts';

const reset = 'upstream_reset_before_response_started{';
const lookAtTarget = '"cellwall status" shows the proxies of TARGET: where each listens, and whether it serves';
const asksWell = 'the request must be written differently: docs/http.md says what is accepted';

const causes: readonly AnswerCause[] = [
  cause(
    'too-many-headers',
    'too_many_headers',
    'the request has over 1,000 headers',
    'send fewer: docs/http.md, "Sizes"',
  ),
  cause(
    'headers-too-large',
    'headers_too_large',
    "the names and values of the request's headers are over 256 KiB together",
    'send less, cookies first: docs/http.md, "Sizes"',
  ),
  cause(
    'host-not-served',
    'direct_response',
    'the request has a Host that is not served on that port',
    'call 127.0.0.1, localhost or another name without a dot, or add the name to `hosts` of this dependency',
    'caller',
  ),
  cause(
    'upgrade-refused',
    'upgrade_failed',
    'the request asks for a WebSocket, which only an HTTP/1.1 service accepts',
    '`protocol: http1` and `upgrades: [websocket]` in the document of TARGET, if that is what it speaks',
    'service',
  ),
  cause('no-host', 'missing_host_header', 'the request has no Host, which HTTP/1.1 requires', 'send one'),
  cause(
    'no-path',
    ['path_rejected'],
    'the request has no path (OPTIONS * is not supported)',
    'send it with a path that begins with "/"',
  ),
  cause(
    'no-path',
    'route_not_found',
    'the request has no path (CONNECT is not supported)',
    'a `tcp` dependency carries it',
  ),
  cause(
    'path-not-valid',
    'path_normalization_failed',
    'the path of the request is not valid (it has a fragment, "#")',
    asksWell,
  ),
  cause(
    'transfer-encoding',
    'invalid_transfer_encoding',
    'the only known transfer encoding is "chunked"',
    'send none, or chunked',
  ),
  cause(
    'length-and-chunks',
    'content_length_and_chunked',
    'the request has both a length and chunks, which servers interpret differently',
    'send one of the two',
  ),
  cause('header-characters', 'invalid_characters', 'a header of the request has a control character in it', asksWell),
  cause('http-version', 'low_version', 'the request uses an unsupported version of HTTP', 'use HTTP/1.1 or HTTP/2'),
  cause(
    'request-not-http',
    'codec_error',
    "the request is not valid HTTP, its path is not ASCII, or Envoy does not know its method (such as Vault's LIST)",
    asksWell,
  ),
  cause('no-endpoint', 'no_healthy_upstream', 'TARGET has no endpoint that serves', lookAtTarget),
  cause(
    'target-unknown',
    'cluster_not_found',
    'it does not know TARGET yet, or no longer does',
    '"cellwall status" shows whether this proxy accepted its configuration',
  ),
  cause(
    'endpoint-wrong-identity',
    [reset, 'SAN'],
    "what listens at the endpoint of TARGET has somebody else's certificate",
    'the endpoint leads to another service: look at `endpoints` of TARGET, and at LISTENS in "cellwall status"',
    'service',
  ),
  cause(
    'endpoint-certificate-ended',
    [reset, 'certificate_has_expired'],
    'the certificate of what listens at the endpoint of TARGET has ended, by the clock of this host',
    'its sidecar does not renew: "cellwall status" and "cellwall doctor svid" say why; and look at the clocks of both hosts',
  ),
  cause(
    'endpoint-certificate-not-yet',
    [reset, 'certificate_is_not_yet_valid'],
    'the certificate of what listens at the endpoint of TARGET is not valid yet, by the clock of this host',
    'synchronize the clocks of this host, of that one and of the control plane',
  ),
  cause(
    'endpoint-plaintext',
    [reset, 'WRONG_VERSION_NUMBER'],
    'what listens at the endpoint of TARGET speaks no TLS: it is no sidecar, perhaps the application itself',
    'start a sidecar there and name its port in `endpoints`, or drop `endpoints`: sidecars are found by themselves',
    'service',
  ),
  cause(
    'caller-certificate-refused',
    [reset, '_ALERT_'],
    "what listens at the endpoint of TARGET refuses this sidecar's certificate",
    '"cellwall certs" shows it: whether it has ended, and under which root; FAILED HANDSHAKES in "cellwall status" say why',
  ),
  cause(
    'endpoint-not-trusted',
    [reset, 'CERTIFICATE_VERIFY_FAILED'],
    'what listens at the endpoint of TARGET has no certificate that is trusted here',
    'the endpoint is not a sidecar of this mesh, or its certificate has expired: "cellwall certs", and the clocks',
  ),
  cause(
    'endpoint-times-out',
    [reset, 'connection_timeout'],
    'no endpoint of TARGET accepted the connection in time',
    `a network in between, or a frozen host (\`timeouts.connect\` of TARGET); ${lookAtTarget}`,
    'service',
  ),
  cause(
    'endpoint-refuses-streams',
    [reset, 'refused_stream'],
    'the sidecar of TARGET accepts no more requests on this connection, nor on the next',
    lookAtTarget,
  ),
  cause(
    'endpoint-refuses',
    [reset, 'onnection_refused'],
    'nothing listens at the endpoint of TARGET',
    `its sidecar disappeared less than 30 s ago, or \`endpoints\` are wrong; ${lookAtTarget}`,
    'service',
  ),
  cause(
    'endpoint-fails',
    [reset, 'connection_failure'],
    'the connection to the endpoint of TARGET failed before a request could be sent',
    `what listens there is not a sidecar, or is shutting down; ${lookAtTarget}`,
  ),
  cause(
    'answer-not-http',
    [reset, 'protocol_error'],
    'the answer from the endpoint of TARGET is not valid HTTP',
    'check the application of TARGET, or what listens there: docs/http.md',
  ),
  cause(
    'too-many-calls',
    [reset, 'overflow'],
    'it has as many open calls to TARGET as it allows',
    'TARGET answers too slowly, or is called too often',
  ),
  cause(
    'connection-broke',
    reset,
    'the connection to TARGET broke before an answer; whether the request was executed is not known',
    `its sidecar or host went down, or a rule cut it (docs/cutting.md); ${lookAtTarget}`,
  ),
  cause(
    'try-timeout',
    'per_try_timeout',
    'no attempt got an answer within `retries.perTryTimeout` of TARGET',
    'the request may have been executed; a longer time in its document',
    'service',
  ),
  cause(
    'answer-slow',
    'response_timeout',
    'TARGET did not answer within `timeouts.request`',
    'the request may have been executed; a longer time in its document',
    'service',
  ),
  cause(
    'idle',
    'idle_timeout',
    'nothing was sent in either direction for `timeouts.idle` of TARGET',
    'the request may have been executed; a longer time in its document',
    'service',
  ),
  cause(
    'answer-slow',
    'timeout',
    'the request took too long',
    'the request may have been executed; the `timeouts` of TARGET',
    'service',
  ),
  cause(
    'overload',
    'overload',
    'its Envoy is short of memory or connections',
    "the log of this sidecar, and its host's limits",
  ),
];

/** `details`: Envoy's %RESPONSE_CODE_DETAILS%. */
export function ownAnswerWords(details: string, target: string): AnswerWords {
  return answerWords(causes, details, target);
}
