// Whoever writes to the store, and code that raw resources bring along.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const storeItems: readonly Item[] = [
  fromTests({
    name: 'redis-writer',
    line:
      'Who can write to Redis changes nothing: documents, digests, older states, other types, tokens, marks, node ' +
      'keys, leases and records of his own making, marks of evicted hosts deleted before a restart, writes refused ' +
      'during an eviction; each told by key and in the audit log',
    bound:
      '0 states of his in force, 0 spent tokens and 0 evicted hosts revived; a control plane with the key writes ' +
      'the same, and it is in force',
    files: ['test/adversary/store/redis-writer.test.ts'],
  }),
  fromTests({
    name: 'redis-writer-hour',
    line:
      'An hour (CELLWALL_HOUR_SECONDS) of random writes to Redis, replays of everything that stood there among ' +
      'them, while an operator applies, makes tokens and restarts',
    bound:
      '0 wrong states, 0 revived tokens, 0 forged nodes; the audit log intact; memory of `cellwall serve` within ' +
      '1.2x over restarts and over one long life',
    files: ['test/adversary/store/redis-writer-hour.test.ts'],
    limitMinutes: 75,
  }),
  fromTests({
    name: 'proxy-code',
    line:
      "Raw resources bring no code: every type of Envoy's schema that runs some, wherever it can be named; with " +
      '--allow-proxy-code they do',
    bound: 'each refused with its line; 0 accepted without the flag',
    files: ['test/adversary/store/proxy-code.test.ts'],
  }),
  fromTests({
    name: 'host-files',
    line: "Raw resources read and write no file of the proxy's host and call no socket of it: every field of Envoy's schema that names one",
    bound: 'each refused; 0 fields unknown',
    files: ['test/adversary/store/host-files.test.ts'],
  }),
];
