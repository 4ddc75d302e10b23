// Envoy's words for what became of a call behind the rules, in ours; those that are hard to bring about, too.
import { expect, test } from 'vitest';
import { failedAnswerWords } from '../../src/doctor/failed-answer-words.ts';

const reset = (why: string): string => `upstream_reset_before_response_started{${why}}`;

test.each([
  [reset('protocol_error'), /not valid HTTP/],
  [reset('remote_connection_failure|delayed_connect_error:_Connection_refused'), /nothing listens/],
  [reset('remote_connection_failure|immediate_connect_error:_No_such_file_or_directory'), /failed before a request/],
  [reset('connection_timeout'), /no connection in time/],
  [reset('connection_termination'), /closed the connection/],
  [reset('overflow'), /as many open calls/],
  [reset('remote_refused_stream_reset'), /refused the stream/],
  [reset('remote_reset'), /reset the call/],
  ['upstream_reset_after_response_started{protocol_error}', /ended before its length/],
  ['upstream_reset_after_response_started{remote_reset}', /midway/],
  ['request_header_timeout', /came too slowly/],
  ['stream_idle_timeout', /timeouts.idle/],
  ['duration_timeout', /too long/],
  ['http1.too_many_headers', /1,000 headers/],
  ['http2.headers_too_large', /256 KiB/],
  ['http1.codec_error', /not valid HTTP/],
  ['overload', /short of memory/],
  ['filter_config_not_found', /its rules yet/],
  ['', /does not name/],
])('%s', (details, why) => {
  const words = failedAnswerWords(details, 'api');
  expect(words.why).toMatch(why);
  expect(words.why + words.advice).not.toContain('TARGET');
  expect(words.advice).not.toBe('');
});
