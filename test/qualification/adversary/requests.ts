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
];
