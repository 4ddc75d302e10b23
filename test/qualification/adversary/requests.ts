// Headers, health paths and connections of a caller without rights.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const requestItems: readonly Item[] = [
  fromTests({
    name: 'envoy-versions',
    line:
      'every accepted Envoy version knows every field that it is sent; an older one, which lets a TCP service greet ' +
      'callers that it denies, is neither started nor sent anything',
    bound:
      '0 fields ignored, 0 resources refused by 1.39.1, 1.39.3 and 1.40.0; nothing of a greeting; the control, 1.36.4, greets',
    files: ['test/adversary/requests/envoy-versions.test.ts', 'test/control/control.test.ts'],
  }),
  fromTests({
    name: 'bare-health-probe',
    line:
      'the health path of a strict service admits a bare probe and nothing else, in plaintext and with a ' +
      'certificate without rights',
    bound: 'nothing but bare probes reaches the application',
    files: ['test/adversary/requests/health-probe.test.ts'],
  }),
  fromTests({
    name: 'certificate-names',
    line: 'no name in a certificate of a legacy CA reaches the application as an identity',
    bound: 'nothing of such a certificate is forwarded',
    files: ['test/adversary/requests/certificate-names.test.ts'],
  }),
  fromTests({
    name: 'steering',
    line: 'x-envoy-* headers of an application or caller control no sidecar, whatever X-Forwarded-For says',
    bound:
      'a POST with x-envoy-max-retries: 100 is executed once; no timeout, no hedging; the application sees none of them',
    files: ['test/adversary/requests/steering.test.ts'],
  }),
  fromTests({
    name: 'behind-an-upgrade',
    line: 'A request behind one that asks for a WebSocket, by a caller who may call one path, or the health path alone',
    bound: '0 of them reach an application that does not agree; without the mesh all do',
    files: ['test/adversary/requests/upgrades.test.ts'],
  }),
  fromTests({
    name: 'method-case',
    line: 'A denied method in any letter case, over HTTP/2, which transmits it as it is',
    bound: '0 of them pass a deny rule; an allow rule matches only as it is written',
    files: ['test/adversary/requests/method-case.test.ts'],
  }),
  fromTests({
    name: 'method-in-query',
    line: 'Another method in the query, in any spelling of its name, to get past a deny of that method',
    bound: '0 of them executed; explain and the proxy agree about any query',
    files: ['test/adversary/requests/method-in-query.test.ts'],
  }),
  fromTests({
    name: 'nominated-headers',
    line: 'A caller that names the headers of its identity in Connection, with a request for a WebSocket and without',
    bound: '0 of them lost behind a proxy in the application; without the mesh all are',
    files: ['test/adversary/requests/nominated-headers.test.ts'],
  }),
  fromTests({
    name: 'http2-oddities',
    line:
      'HTTP/2 that would be a different request in HTTP/1.1: in its method, path, authority, scheme, names and ' +
      'values',
    bound: '0 of them arrive; a plain request does',
    files: ['test/adversary/requests/http2-oddities.test.ts'],
  }),
];
