// Whoever writes to the store, and code that raw resources bring along.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const storeItems: readonly Item[] = [
  fromTests({
    name: 'redis-writer',
    line:
      'Somebody who can write to Redis changes nothing: forged documents, digests, older states, other types, ' +
      'tokens, marks, node keys, leases and records, marks of evicted hosts deleted before a restart, writes ' +
      'refused during an eviction; each reported by key and in the audit log',
    bound:
      '0 forged states in force, 0 spent tokens reused and 0 evicted hosts back; a control plane with the key ' +
      'writes the same, and it comes into force',
    files: ['test/adversary/store/redis-writer.test.ts'],
  }),
  fromTests({
    name: 'redis-writer-hour',
    line:
      'An hour (CELLWALL_HOUR_SECONDS) of random writes to Redis, including replays of everything that was ever ' +
      'there, while an operator applies, creates tokens and restarts',
    bound:
      '0 wrong states, 0 tokens reused, 0 forged nodes; the audit log intact; memory of `cellwall serve` within ' +
      '1.2x over restarts and over one long run',
    files: ['test/adversary/store/redis-writer-hour.test.ts'],
    limitMinutes: 75,
  }),
  fromTests({
    name: 'proxy-code',
    line:
      "Raw resources bring no code: every type in Envoy's schema that runs some, wherever it can be named; with " +
      '--allow-proxy-code they do',
    bound: 'each refused with its line; 0 accepted without the flag',
    files: ['test/adversary/store/proxy-code.test.ts'],
  }),
  fromTests({
    name: 'host-files',
    line:
      "Raw resources read and write no file on the proxy's host and connect to no socket of it: every field in " +
      "Envoy's schema that names one",
    bound: 'each refused; 0 fields unknown',
    files: ['test/adversary/store/host-files.test.ts'],
  }),
];
