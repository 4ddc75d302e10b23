// Why a call that the service's sidecar allowed got no complete answer from the application, and what to do, from Envoy's details.
// docs/operations.md says the same for readers.
import { type AnswerCause, type AnswerWords, answerWords, answerCause as cause } from './answer-words.ts';

const reset = 'upstream_reset_before_response_started{';
const broken = 'upstream_reset_after_response_started{';
const mayBeDone = 'the request may have been executed';

const causes: readonly AnswerCause[] = [
  cause(
    'application-not-http',
    [reset, 'protocol_error'],
    'the answer of the application of TARGET is not valid HTTP, is ambiguous (a length twice; a length ' +
      'and Transfer-Encoding; a 204 with Transfer-Encoding), or has over 1,000 headers or 256 KiB of them',
    `correct the application's answer: docs/http.md says what is accepted; ${mayBeDone}`,
  ),
  cause(
    'application-refuses',
    [reset, 'onnection_refused'],
    'nothing listens at the address of the application of TARGET',
    'start the application, or correct --app of its sidecar; "cellwall status" shows whether it serves',
  ),
  cause(
    'application-times-out',
    [reset, 'connection_timeout'],
    'the application of TARGET accepted no connection in time',
    'the application is frozen, or its queue of connections is full (`timeouts.connect` of TARGET)',
    'service',
  ),
  cause(
    'application-unreachable',
    [reset, 'connection_failure'],
    'the connection to the application of TARGET failed before a request could be sent',
    'check whether the application runs, and --app of its sidecar; "cellwall status" shows whether it serves',
  ),
  cause(
    'application-closes',
    [reset, 'connection_termination'],
    'the application of TARGET closed the connection without an answer',
    `check the application's log: it exited, closes unused connections early (\`timeouts.applicationIdle\`), ` +
      `or answers before it has read the request; ${mayBeDone}`,
    'service',
  ),
  cause(
    'application-busy',
    [reset, 'overflow'],
    'the application of TARGET has as many open calls as its sidecar allows',
    'it answers too slowly, or is called too often',
  ),
  cause(
    'application-refuses-streams',
    [reset, 'refused_stream'],
    'the application of TARGET refused the stream: it was not executed',
    'the application accepts fewer streams than it is sent, or is shutting down',
  ),
  cause(
    'application-resets',
    reset,
    'the application of TARGET reset the call before an answer',
    `check the application's log; ${mayBeDone}`,
  ),
  cause(
    'application-breaks-off',
    [broken, 'protocol_error'],
    'the answer of the application of TARGET ended before its length or last chunk, or stopped being valid HTTP',
    "check the application's log: it exited or gave up midway",
  ),
  cause(
    'application-breaks-off',
    broken,
    'the application of TARGET broke off its answer midway',
    "check the application's log: it exited or gave up midway",
  ),
  cause(
    'application-missing',
    'cluster_not_found',
    'the sidecar of TARGET does not know its application: it rejected that part of its configuration, or has none yet',
    '"cellwall status" shows what it rejects, and the documents behind that',
  ),
  cause(
    'application-missing',
    'no_healthy_upstream',
    'the sidecar of TARGET has no application to send it to',
    'start it with --app',
  ),
  cause(
    'overload',
    'overload',
    "the sidecar's Envoy is short of memory or connections",
    "its log, and its host's limits",
  ),
  cause(
    'idle',
    'idle_timeout',
    'nothing was sent in either direction for `timeouts.idle` of TARGET',
    `${mayBeDone}; a longer time in its document`,
    'service',
  ),
  cause(
    'request-slow',
    'request_header_timeout',
    'the headers of the request came too slowly',
    'the caller, or the network to it',
  ),
  cause(
    'answer-slow',
    'timeout',
    'the call took too long',
    `${mayBeDone}; the application, or the \`timeouts\` of TARGET`,
    'service',
  ),
  cause(
    'too-many-headers',
    'too_many_headers',
    'the request has over 1,000 headers',
    'send fewer: docs/http.md, "Sizes"',
  ),
  cause(
    'headers-too-large',
    'headers_too_large',
    "the request's headers are over 256 KiB together",
    'send less: docs/http.md, "Sizes"',
  ),
  cause(
    'request-not-http',
    'codec_error',
    'the request is not valid HTTP, or Envoy does not know its method',
    'the request must be written differently: docs/http.md says what is accepted',
  ),
  cause(
    'rules-missing',
    'filter_config',
    'the sidecar does not have its rules yet',
    '"cellwall status" shows whether it has accepted them',
  ),
];

/** `details`: Envoy's %RESPONSE_CODE_DETAILS%. */
export function failedAnswerWords(details: string, target: string): AnswerWords {
  return answerWords(causes, details, target);
}
