// Why a call that the service's sidecar let in got no whole answer of the application, and what to do, from Envoy's details.
// docs/operations.md says the same for readers.
import { type AnswerCause, type AnswerWords, answerWords, answerCause as cause } from './answer-words.ts';

const reset = 'upstream_reset_before_response_started{';
const broken = 'upstream_reset_after_response_started{';
const mayBeDone = 'the request may have been carried out';

const causes: readonly AnswerCause[] = [
  cause(
    [reset, 'protocol_error'],
    'what the application of TARGET answered is no valid HTTP, contradicts itself (a length twice; a length and ' +
      'Transfer-Encoding; a 204 with Transfer-Encoding), or has over 1,000 headers or 256 KiB of them',
    `mend the application's answer: docs/http.md says what is taken; ${mayBeDone}`,
  ),
  cause(
    [reset, 'onnection_refused'],
    'nobody listens where the application of TARGET should',
    'start the application, or mend --app of its sidecar; "cellwall status" shows whether it serves',
  ),
  cause(
    [reset, 'connection_timeout'],
    'the application of TARGET took no connection in time',
    'the application is frozen, or its queue of connections is full (`timeouts.connect` of TARGET)',
  ),
  cause(
    [reset, 'connection_failure'],
    'the connection to the application of TARGET failed before a request could be sent',
    'look whether the application runs, and --app of its sidecar; "cellwall status" shows whether it serves',
  ),
  cause(
    [reset, 'connection_termination'],
    'the application of TARGET closed the connection without an answer',
    `look at the application's log: it ended, closes unused connections early (\`timeouts.applicationIdle\`), or ` +
      `answers before it has read the request; ${mayBeDone}`,
  ),
  cause(
    [reset, 'overflow'],
    'the application of TARGET has as many calls open as its sidecar takes',
    'it answers too slowly, or is called too often',
  ),
  cause(
    [reset, 'refused_stream'],
    'the application of TARGET refused the stream: it was not carried out',
    'the application takes fewer streams than it is sent, or is ending',
  ),
  cause(
    reset,
    'the application of TARGET reset the call before an answer',
    `look at the application's log; ${mayBeDone}`,
  ),
  cause(
    [broken, 'protocol_error'],
    'the answer of the application of TARGET ended before its length or last chunk, or was no valid HTTP any more',
    "look at the application's log: it ended or gave up in the midst",
  ),
  cause(
    broken,
    'the application of TARGET broke its answer off in the midst',
    "look at the application's log: it ended or gave up in the midst",
  ),
  cause('no_healthy_upstream', 'the sidecar of TARGET has no application to send it to', 'start it with --app'),
  cause('overload', "the sidecar's Envoy is short of memory or connections", "its log, and its host's limits"),
  cause(
    'idle_timeout',
    'nothing was sent either way for `timeouts.idle` of TARGET',
    `${mayBeDone}; a longer time in its document`,
  ),
  cause('request_header_timeout', 'the headers of the request came too slowly', 'the caller, or the network to it'),
  cause('timeout', 'the call took longer than it may', `${mayBeDone}; the application, or the \`timeouts\` of TARGET`),
  cause('too_many_headers', 'the request has over 1,000 headers', 'send fewer: docs/http.md, "Sizes"'),
  cause('headers_too_large', "the request's headers are over 256 KiB together", 'send less: docs/http.md, "Sizes"'),
  cause(
    'codec_error',
    'the request is no valid HTTP, or its method is none that Envoy knows',
    'the request has to be written another way: docs/http.md says what is taken',
  ),
  cause(
    'filter_config',
    'the sidecar has not got its rules yet',
    '"cellwall status" shows whether it has accepted them',
  ),
];

export function failedAnswerWords(details: string, target: string): AnswerWords {
  return answerWords(causes, details, target);
}
