// Headers, health paths and connections of a caller without rights.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const requestItems: readonly Item[] = [
  fromTests({
    name: 'bare-health-probe',
    line: 'the health path of a strict service lets a bare probe through and nothing else, in plaintext and with a certificate without rights',
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
    line: 'An application’s or a caller’s x-envoy-* steers no sidecar, whatever X-Forwarded-For says',
    bound:
      'a POST with x-envoy-max-retries: 100 is executed once; no timeout, no hedging; the application sees none of them',
    files: ['test/adversary/requests/steering.test.ts'],
  }),
];
