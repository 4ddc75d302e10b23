// Envoy's words for what a caller's own sidecar answers, in ours; those that are hard to bring about, too.
import { expect, test } from 'vitest';
import { ownAnswerWords } from '../../src/doctor/own-answer-words.ts';

const reset = (why: string): string => `upstream_reset_before_response_started{${why}}`;

test.each([
  ['http2.headers_too_large', /256 KiB/],
  ['low_version', /version of HTTP/],
  ['cluster_not_found', /does not know api/],
  [
    reset('remote_connection_failure|TLS_error:|268435581:…:CERTIFICATE_VERIFY_FAILED:verify_cert_failed:_SAN_match'),
    /somebody else/,
  ],
  [
    reset('remote_connection_failure|TLS_error:|268435581:…:CERTIFICATE_VERIFY_FAILED:certificate_has_expired'),
    /has ended/,
  ],
  [
    reset('remote_connection_failure|TLS_error:|268435581:…:CERTIFICATE_VERIFY_FAILED:certificate_is_not_yet_valid'),
    /not valid yet/,
  ],
  [
    reset('remote_connection_failure|TLS_error:|268435581:…:CERTIFICATE_VERIFY_FAILED:unable_to_get_local_issuer'),
    /trusted here/,
  ],
  [reset('remote_connection_failure|TLS_error:|268435703:…:WRONG_VERSION_NUMBER'), /speaks no TLS/],
  [reset('remote_connection_failure|TLS_error:|268436502:…:SSLV3_ALERT_CERTIFICATE_EXPIRED'), /refuses this sidecar/],
  [reset('remote_connection_failure|delayed_connect_error:_Connection_refused'), /nothing listens/],
  [reset('remote_connection_failure|delayed_connect_error:_No_route_to_host'), /failed before a request/],
  [reset('connection_timeout'), /in time/],
  [reset('overflow'), /as many open calls/],
  [reset('protocol_error'), /not valid HTTP/],
  [reset('remote_refused_stream_reset'), /accepts no more requests/],
  [reset('connection_termination'), /broke before an answer/],
  [reset('remote_reset'), /broke before an answer/],
  ['upstream_per_try_timeout', /perTryTimeout/],
  ['response_timeout', /timeouts.request/],
  ['stream_idle_timeout', /timeouts.idle/],
  ['duration_timeout', /too long/],
  ['overload', /short of memory/],
])('%s', (details, why) => {
  const words = ownAnswerWords(details, 'api');
  expect(words.why).toMatch(why);
  expect(words.why + words.advice).not.toContain('TARGET');
  expect(words.advice).not.toBe('');
});

test('what is not known is told as it came, cut; a name is put in as it is', () => {
  const { why } = ownAnswerWords(`odd\x1b${'x'.repeat(5000)}`, 'api');
  expect(why).toContain('odd\\u001b');
  expect(why.length).toBeLessThan(300);
  expect(ownAnswerWords('', 'api').why).toContain('does not name');
  expect(ownAnswerWords('no_healthy_upstream', '$&').why).toContain('$& has no endpoint');
});
