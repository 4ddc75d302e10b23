// Random input for every parser, and a canary that must appear nowhere.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const fuzzItems: readonly Item[] = [
  fromTests({
    name: 'fuzz',
    line:
      'Random documents, SPIFFE IDs, certificate requests, JWK Sets, join tokens, xDS requests, access-log messages ' +
      'and admin requests are taken rightly or refused in words',
    bound: '200,000 cases a target: no crash, none over 1 s, no wrong accept',
    files: [
      'test/adversary/fuzz/text.test.ts',
      'test/adversary/fuzz/wire.test.ts',
      'test/adversary/fuzz/admin.test.ts',
    ],
    limitMinutes: 30,
  }),
  fromTests({
    name: 'canary',
    line: 'No key and no token of a running control plane and sidecar is in any log, answer, metric, page of Envoy or failure of theirs',
    bound: '0 found, of 6 secrets at least in 35 outputs at least',
    files: [
      'test/adversary/local/canary.test.ts',
      'test/adversary/canary/judge.test.ts',
      'test/adversary/canary/search.test.ts',
      'test/adversary/canary/whole-run.test.ts',
    ],
  }),
];
