// What a Service says of HTTP: which headers are taken away and from whom they are believed, upgrades, the case of names.
import { describe, expect, test } from 'vitest';
import { parseDocuments } from '../../src/model/parse.ts';
import type { PortIr } from '../../src/policy/ir.ts';
import { allPorts } from '../../src/policy/ports.ts';
import { certificateHeaders } from '../../src/policy/resolve/resolve-identity-headers.ts';
import { meshOf, meshText, problemsOf, serviceText, yaml } from '../support/resolve-text.ts';

const api = (spec: string, protocol = 'http1', mesh = meshText()): string =>
  yaml(mesh, serviceText('nginx'), serviceText('api', protocol, spec));

function resolved(text: string): PortIr {
  const found = allPorts(meshOf(text)).find(({ name }) => name === 'api');
  if (found === undefined) throw new Error('no api');
  return found;
}

test('the headers that are taken away are the wall’s, the mesh’s and the service’s, each once and in lower case', () => {
  const { stripped } = resolved(
    api(
      ', identityHeaders: {stripped: [X_API_Role, x-ssl-*]}',
      'http1',
      meshText('strict', ', strippedHeaders: [X-Sso-*]'),
    ),
  ).identityHeaders;
  expect(stripped).toEqual([...new Set([...certificateHeaders, 'x-api-role', 'x-sso-*'])].sort());
});

test('hops are believed by their identity', () => {
  const hops = '[{service: nginx}, {spiffeId: "spiffe://td1/edge/a"}, {service: nginx}]';
  expect(resolved(api(`, identityHeaders: {trustedFrom: ${hops}}`)).identityHeaders.trusted).toEqual({
    callers: ['spiffe://td1/edge/a', 'spiffe://td1/service/nginx'],
    anonymous: false,
  });
  expect(
    resolved(api(', mtls: {mode: permissive}, identityHeaders: {trustedFrom: [{anonymous: true}]}')).identityHeaders
      .trusted,
  ).toEqual({ callers: [], anonymous: true });
});

test('an HTTP/1.1 application’s unused connections are kept shortly, others as long as `idle` says, unless told', () => {
  expect(resolved(api('')).timeouts.applicationIdleMs).toBe(250);
  expect(resolved(api(', timeouts: {idle: 5m}', 'grpc')).timeouts.applicationIdleMs).toBe(300_000);
  expect(resolved(api(', timeouts: {applicationIdle: 4s}')).timeouts.applicationIdleMs).toBe(4000);
});

describe('refused', () => {
  test.each([
    [
      'anonymous under strict',
      ', identityHeaders: {trustedFrom: [{anonymous: true}]}',
      'http1',
      'anonymous-under-strict',
    ],
    [
      'another trust domain',
      ', identityHeaders: {trustedFrom: [{spiffeId: "spiffe://td2/a"}]}',
      'http1',
      'foreign-trust-domain',
    ],
    ['nobody', ', identityHeaders: {trustedFrom: [{service: nobody}]}', 'http1', 'unknown-service'],
    ['WebSockets over HTTP/2', ', upgrades: [websocket]', 'grpc', 'http1-only'],
    ['upper case in HTTP/2', ', headerCase: keep', 'http2', 'http1-only'],
    ['upgrades of TCP', ', upgrades: [websocket]', 'tcp', 'http1-only'],
  ])('%s', (_what, spec, protocol, code) => {
    const errors = problemsOf(api(spec, protocol)).filter(({ severity }) => severity === 'error');
    expect(errors.map((problem) => problem.code)).toEqual([code]);
    expect(errors[0]?.hint).toBeTruthy();
  });

  test.each([
    'Host',
    'content-length',
    'grpc-timeout',
    '"*"',
    'x--a',
    'x-cellwall-peer-id',
    'a-b-c-d-e-f-g-h-i',
    '"x a"',
    'accept',
  ])('as a header to strip: %s', (name) => {
    const parsed = parseDocuments(api(`, identityHeaders: {stripped: [${name}]}`), 'test.yaml');
    expect(parsed.kind).toBe('invalid');
  });
});
