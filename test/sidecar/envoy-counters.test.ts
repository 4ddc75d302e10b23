// Envoy's statistics → our counters; the text is what Envoy 1.40 wrote.
import { expect, it } from 'vitest';
import { readCounters, statsQuery } from '../../src/sidecar/envoy/envoy-counters.ts';

const text = `access_logs.grpc_access_log.grpc_entries_flush_failed: 2
access_logs.grpc_access_log.grpc_entries_flushed: 19
access_logs.grpc_access_log.logs_dropped: 3
access_logs.grpc_access_log.logs_written: 20
authz_allow_.rbac.allowed: 2
http.inbound.mtls.downstream_rq_active: 1
http.inbound.mtls.downstream_rq_total: 7
http.inbound.mtls.rbac.authz_allow_.allowed: 5
http.inbound.mtls.rbac.authz_allow_.denied: 1
http.inbound.mtls.rbac.authz_allow_.shadow_allowed: 4
http.inbound.mtls.rbac.authz_allow_.shadow_denied: 2
http.inbound.mtls.rbac.authz_deny_.allowed: 6
http.inbound.mtls.rbac.authz_deny_.denied: 1
http.inbound.plain.downstream_rq_total: 10
http.inbound.plain.rbac.jwt_.denied: 1
http.outbound.downstream_rq_total: 99
listener.127.0.0.1_15001.downstream_cx_total: 99
listener.127.0.0.1_27755.downstream_cx_active: 2
listener.127.0.0.1_27755.downstream_cx_total: 19
listener.127.0.0.1_27755.ssl.fail_verify_error: 1
listener.127.0.0.1_27755.ssl.fail_verify_san: 2
listener.127.0.0.1_27755.ssl.handshake: 4
listener.127.0.0.1_27755.ssl.no_certificate: 3
listener.127.0.0.1_27755.worker_0.downstream_cx_total: 19
tcp.inbound.mtls.downstream_cx_total: 8
tcp.inbound.plain.downstream_cx_total: 9
http.inbound.health.downstream_rq_total: none
`;

it('are those of the inbound listener, and no others', () => {
  expect(readCounters(text, [27755])).toEqual({
    mtlsRequests: 7,
    mtlsActive: 1,
    plainRequests: 10,
    plainActive: 0,
    healthRequests: 0,
    healthActive: 0,
    tcpConnections: 17,
    connections: 19,
    connectionsActive: 2,
    handshakes: 4,
    noCertificate: 3,
    failVerify: 3,
    allowed: 7,
    // One of them while its filter waited for its configuration.
    denied: 3,
    shadowAllowed: 4,
    shadowDenied: 2,
    dropped: 5,
  });
  expect(readCounters(text, [15001])).toMatchObject({ connections: 99, handshakes: 0 });
  expect(readCounters(text.replaceAll('127.0.0.1_27755', '[__1]_27755'), [27755])).toMatchObject({ connections: 19 });
});

it('are asked for by a filter that leaves the rest with Envoy', () => {
  const filter = new RegExp(decodeURIComponent(statsQuery.replace('/stats?filter=', '')));
  const asked = text.split('\n').filter((line) => filter.test(line.split(': ')[0] ?? ''));
  expect(readCounters(asked.join('\n'), [27755])).toEqual(readCounters(text, [27755]));
  expect(asked.some((line) => line.startsWith('http.outbound'))).toBe(false);
});
