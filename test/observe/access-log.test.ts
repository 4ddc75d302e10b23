import { create } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { HTTPAccessLogEntrySchema, TCPAccessLogEntrySchema } from '#gen/envoy/data/accesslog/v3/accesslog_pb.js';
import { parseTrustDomain, type TrustDomain } from '../../src/model/spiffe-id.ts';
import { httpCall, readLogName, tcpCall } from '../../src/observe/access-log.ts';
import { createTraffic } from '../../src/observe/traffic.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const domains = [parseTrustDomain('td') as TrustDomain];
const api = 'spiffe://td/service/api';
const log = { service: 's', chain: 'mtls' } as const;
const uri = (value: string) => ({ san: { case: 'uri' as const, value } });

it('a foreign identity counts where the port trusts its trust domain, and nowhere else', () => {
  const partner = parseTrustDomain('partner.example') as TrustDomain;
  const commonProperties = {
    tlsProperties: {
      peerCertificateProperties: { subjectAltName: [uri('spiffe://partner.example/billing')], subject: 'CN=x' },
    },
  };
  const entry = create(HTTPAccessLogEntrySchema, { commonProperties });
  const callerOf = (of: readonly TrustDomain[]) => httpCall(log, entry, of, () => undefined);
  expect(callerOf([...domains, partner])).toMatchObject({
    ...{ caller: 'mtls', principal: 'spiffe://partner.example/billing' },
  });
  expect(callerOf(domains)).toMatchObject({ caller: 'legacy', peer: 'CN=x' });
});

it('tells the four kinds of callers apart', () => {
  const kind = (commonProperties: object) =>
    httpCall(
      log,
      create(HTTPAccessLogEntrySchema, { commonProperties, response: { responseCodeDetails: 'via_upstream' } }),
      domains,
      () => undefined,
    );
  expect(kind({})).toEqual({ service: 's', caller: 'plaintext', decision: 'allowed' });
  expect(kind({ tlsProperties: {} })).toMatchObject({ caller: 'one-way-tls' });
  expect(kind({ tlsProperties: { peerCertificateProperties: {} } })).toMatchObject({ caller: 'one-way-tls' });
  expect(kind({ tlsProperties: { peerCertificateProperties: { subject: 'CN=old' } } })).toMatchObject({
    caller: 'legacy',
  });
  const foreign = { subjectAltName: [uri('spiffe://td2/service/api')] };
  expect(kind({ tlsProperties: { peerCertificateProperties: foreign } })).toMatchObject({ caller: 'legacy' });
  expect(kind({ tlsProperties: { peerCertificateProperties: { subjectAltName: [uri(api)] } } })).toMatchObject({
    caller: 'mtls',
    principal: api,
  });
});

it('tells who came by a token, of callers without an identity, and keeps nothing else of it', () => {
  const kind = (commonProperties: object) =>
    httpCall(
      log,
      create(HTTPAccessLogEntrySchema, { commonProperties, response: { responseCodeDetails: 'via_upstream' } }),
      domains,
      () => undefined,
    );
  const metadata = { filterMetadata: { 'envoy.filters.http.jwt_authn': { 'cellwall/router': { sub: 'secret' } } } };
  expect(kind({ metadata })).toEqual({ service: 's', caller: 'plaintext', token: 'router', decision: 'allowed' });
  const tlsProperties = { peerCertificateProperties: { subjectAltName: [uri(api)] } };
  expect(kind({ metadata, tlsProperties })).toEqual({
    service: 's',
    caller: 'mtls',
    principal: api,
    decision: 'allowed',
  });
});

it('takes refusals from the details, never from the status', () => {
  const entry = (responseCodeDetails: string) =>
    httpCall(
      log,
      create(HTTPAccessLogEntrySchema, { commonProperties: {}, response: { responseCodeDetails } }),
      domains,
      () => undefined,
    );
  expect(entry('via_upstream')).toMatchObject({ decision: 'allowed' });
  expect(entry('rbac_access_denied_matched_policy[no-admin/0]')).toMatchObject({
    decision: 'denied',
    policy: 'no-admin/0',
  });
  expect(entry('rbac_access_denied_matched_policy[none]')).toEqual({
    service: 's',
    caller: 'plaintext',
    decision: 'denied',
  });
  const tcp = create(TCPAccessLogEntrySchema, {
    commonProperties: { connectionTerminationDetails: 'rbac_access_denied_matched_policy[none]' },
  });
  expect(tcpCall(log, tcp, domains)).toMatchObject({ decision: 'denied' });
});

it.each([
  ['via_upstream', 503, 'allowed'],
  ['upstream_reset_before_response_started{remote_connection_failure}', 503, 'failed'],
  ['upstream_reset_after_response_started{connection_termination}', 200, 'failed'],
  ['response_timeout', 504, 'failed'],
  ['no_healthy_upstream', 503, 'failed'],
  ['overload_manager', 503, 'failed'],
  ['http1.codec_error', 400, 'failed'],
  ['', 0, 'failed'],
  // A caller that leaves before its answer, in the midst of one, and after a WebSocket was opened.
  ['downstream_remote_disconnect', 0, 'failed'],
  ['downstream_remote_disconnect', 200, 'allowed'],
  ['http2.remote_reset', 200, 'allowed'],
  ['upstream_reset_after_response_started{connection_termination}', 101, 'allowed'],
])('%s with %d is %s', (responseCodeDetails, responseCode, decision) => {
  const response = { responseCodeDetails, responseCode };
  const entry = create(HTTPAccessLogEntrySchema, { commonProperties: {}, response });
  expect(httpCall(log, entry, domains, () => undefined)?.decision).toBe(decision);
});

it('a connection is allowed when the application took it', () => {
  const upstreamRemoteAddress = {
    address: { case: 'pipe' as const, value: { path: '/run/app.sock' } },
  };
  const decided = (commonProperties: object) =>
    tcpCall(log, create(TCPAccessLogEntrySchema, { commonProperties }), domains)?.decision;
  expect(decided({ upstreamRemoteAddress })).toBe('allowed');
  expect(decided({ upstreamRemoteAddress, responseFlags: { upstreamConnectionFailure: true } })).toBe('failed');
  expect(decided({})).toBe('failed');
});

it('knows the service of an inbound log by its name', () => {
  expect(readLogName('inbound/cell-1/api/mtls')).toEqual({ service: 'cell-1/api', chain: 'mtls' });
  expect(readLogName('inbound/api/plain')).toEqual({ service: 'api', chain: 'plain' });
  expect(readLogName('outbound/api/mtls')).toBeUndefined();
});

it('counts within bounds: what one service has too much goes, its longest unseen first, and nothing of others', () => {
  const clock = createFakeClock();
  const traffic = createTraffic({ clock, serviceBytes: 2700 });
  const call = (service: string, method: string) =>
    ({ service, caller: 'mtls', principal: api, method, decision: 'allowed' }) as const;
  traffic.record(call('a', 'GET'));
  clock.advance(1000);
  traffic.record(call('b', 'GET'));
  traffic.record(call('b', 'PUT'));
  traffic.record(call('b', 'GET'), 4);
  for (const method of ['HEAD', 'POST', 'PATCH']) traffic.record(call('b', method));
  expect(traffic.counts().map(({ service, method, count }) => [service, method, count])).toEqual([
    ['a', 'GET', 1],
    ['b', 'HEAD', 1],
    ['b', 'POST', 1],
    ['b', 'PATCH', 1],
  ]);
  expect(traffic.lostUntil('a')).toBe(0);
  expect(traffic.lostUntil('b')).toBe(clock.now());
});

it('takes no name for an identity that is no SPIFFE ID', () => {
  const callOf = (value: string) =>
    httpCall(
      log,
      create(HTTPAccessLogEntrySchema, {
        commonProperties: { tlsProperties: { peerCertificateProperties: { subjectAltName: [uri(value)] } } },
      }),
      domains,
      () => undefined,
    )?.caller;
  expect(callOf(api)).toBe('mtls');
  for (const odd of ['`', '//x', '/../x', '?q', ' ', '\u202e']) expect(callOf(`${api}${odd}`)).toBe('legacy');
});

it('keeps no more than names can be long of what a proxy says', () => {
  const long = 'x'.repeat(100_000);
  const http = (commonProperties: object, responseCodeDetails = '') =>
    httpCall(
      log,
      create(HTTPAccessLogEntrySchema, { commonProperties, response: { responseCodeDetails } }),
      domains,
      () => undefined,
    );
  const certificate = (peerCertificateProperties: object) => ({ tlsProperties: { peerCertificateProperties } });
  const rbac = { authz_allow_enforced_engine_result: 'allowed', authz_allow_enforced_effective_policy_id: long };
  const calls = [
    http(certificate({ subjectAltName: [uri(`${api}${long}`)] })),
    http(certificate({ subject: long })),
    http({}, `rbac_access_denied_matched_policy[${long}]`),
    http({ metadata: { filterMetadata: { 'envoy.filters.http.rbac': rbac } } }),
    http({ metadata: { filterMetadata: { 'envoy.filters.http.jwt_authn': { [`cellwall/${long}`]: {} } } } }),
    http({ downstreamRemoteAddress: { address: { case: 'socketAddress', value: { address: long } } } }),
  ];
  for (const call of calls) expect(JSON.stringify(call).length).toBeLessThan(3000);
});
