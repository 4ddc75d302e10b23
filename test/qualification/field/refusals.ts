// What callers' own sidecars answer, and what ends where it is no HTTP.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const refusalsItems: readonly Item[] = [
  fromTests({
    name: 'own-sidecar-explained',
    line:
      "every answer of a sidecar, the caller's or the service's, in place of the application is explained by the id " +
      'in it; calls that succeed cost no entry',
    bound: 'each of 30 kinds explained: by whom, why and what to do; 0 allowed calls logged by the caller, 0 gaps',
    files: [
      'test/field/refusals/own-sidecar.test.ts',
      'test/field/refusals/failed-answers.test.ts',
      'test/doctor/own-answer-words.test.ts',
      'test/doctor/failed-answer-words.test.ts',
    ],
    limitMinutes: 3,
  }),
  fromTests({
    name: 'not-http-inbound',
    line:
      'anything that is neither HTTP nor TLS is closed at once on the plaintext port of an HTTP or gRPC service, ' +
      'and reported; HTTP in odd forms is answered',
    bound: 'closed within 0.9 s, each in `status`; none of it reaches the application',
    files: ['test/field/callers/not-http.test.ts'],
    limitMinutes: 3,
  }),
];
