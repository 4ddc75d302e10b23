// Random input for every parser, and a canary that must appear nowhere.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const fuzzItems: readonly Item[] = [
  fromTests({
    name: 'fuzz',
    line:
      'Random documents, SPIFFE IDs, certificate requests, JWK Sets, join tokens, xDS requests, access-log messages ' +
      'and admin requests are accepted correctly or refused with a readable error',
    bound: '200,000 cases per target: no crash, none over 1 s, nothing wrongly accepted',
    files: [
      'test/adversary/fuzz/text.test.ts',
      'test/adversary/fuzz/wire.test.ts',
      'test/adversary/fuzz/admin.test.ts',
    ],
    limitMinutes: 30,
  }),
  fromTests({
    name: 'canary',
    line:
      'No key and no token of a running control plane and sidecar is in any of their logs, answers, metrics, Envoy ' +
      'pages or failures',
    bound: '0 found, of at least 6 secrets in at least 35 outputs',
    files: [
      'test/adversary/local/canary.test.ts',
      'test/adversary/canary/judge.test.ts',
      'test/adversary/canary/search.test.ts',
      'test/adversary/canary/whole-run.test.ts',
    ],
  }),
];
