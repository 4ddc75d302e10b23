// The store on Redis, while it is away and when it lost what it had.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

/** Calls between real Envoys through all of it. */
const callsFile = 'test/store/last-good-calls.test.ts';

export const redisItems: readonly Item[] = [
  fromTests({
    name: 'outage',
    line:
      'Calls between real Envoys while Redis hangs, is killed, comes back empty and is emptied twice, and the control ' +
      'plane is restarted in between: HTTP/1.1, HTTP/2, gRPC and TCP',
    bound: '0 failed calls; every document, lease and mark back as it was',
    files: ['test/store/outage.test.ts'],
    limitMinutes: 15,
  }),
  fromTests({
    name: 'kinds',
    line:
      'Calls between real Envoys while Redis is cut off, flaps and evicts; while a primary hangs and its Sentinels choose ' +
      'another, which is killed; while a Cluster loses the primary of our keys, and then the shard; with restarts of the control ' +
      'plane in between: HTTP/1.1, HTTP/2, gRPC and TCP at once',
    bound:
      '0 failed calls; the documents in force as they were, every edit counted, what a successor lacked written to it',
    files: ['test/store/outage-kinds.test.ts', 'test/store/redis-failover.test.ts', 'test/store/redis-kinds.test.ts'],
    limitMinutes: 25,
  }),
  fromTests({
    name: 'away',
    line: 'While Redis hangs or takes no writes the store answers from its own disk, refuses changes with the reason, and catches up',
    bound: '0 entries lost; an answer at once; nothing told of a connection lost for a moment',
    files: ['test/store/redis-away.test.ts', 'test/store/redis-faults.test.ts', 'test/store/serve-away.test.ts'],
  }),
  fromTests({
    name: 'limits',
    line:
      'Changes that delete or add much at once, exceed a size or empty a selector, by apply, rollback and edited files, with ' +
      'calls between real Envoys all the while',
    bound: 'none in force without its confirmation; ordinary work in a small mesh is not asked; 0 failed calls',
    files: ['test/limits/beyond.test.ts', 'test/cli/held-change.test.ts', 'test/serve/limits.test.ts', callsFile],
    only: '^(?!crash-loop|last-good)',
  }),
  fromTests({
    name: 'every-field',
    line:
      'Every field of every kind of document gone, blank, doubled, cut, of another type, huge and odd, from the text to what ' +
      'proxies are handed',
    bound: 'each is taken, or refused with its line; 0 exceptions',
    files: ['test/limits/every-field.test.ts'],
    limitMinutes: 40,
  }),
  fromTests({
    name: 'crash-loop',
    line: 'A control plane that is killed again and again shortly after new documents came into force, of a directory and of Redis',
    bound: 'the third time on the last good state, with the reason, until somebody confirms it; 0 failed calls',
    files: ['test/store/last-good.test.ts', 'test/store/redis-last-good.test.ts', callsFile],
    only: 'crash-loop|deaths|dies|died|keeps them out|keeps out',
  }),
  fromTests({
    name: 'last-good',
    line: 'States that were in force without a rejection are kept; what is damaged on disk, a kept state included, is not used',
    bound: 'the newest undamaged one is in force, with the reason; 0 failed calls',
    files: ['test/serve/prove-states.test.ts', 'test/store/last-good.test.ts', callsFile],
    only: 'last-good|kept states|proves|damaged|earlier version',
  }),
  fromTests({
    name: 'replicas',
    line:
      'Two control planes on one Redis: a stream that moves is sent its own secret only; 1,000 edits at once on both; a join ' +
      'token redeemed by 100 hosts at once on both; an eviction on one',
    bound: 'equal bytes and versions; no edit lost; one winner; shut out of both',
    files: [
      'test/serve/replicas.test.ts',
      'test/registry/shared-registry.test.ts',
      'test/observe/shared-record.test.ts',
    ],
  }),
  fromTests({
    name: 'direct-edit',
    line:
      'Documents written with redis-cli under a real `cellwall serve` with four real Envoys: one that denies, one that lets in, one ' +
      'changed while it is approved, one that cuts off, one that is not valid; races of edits, applies and approvals',
    bound: 'in force in under 1 s, or waiting, or refused with its line, each in the audit log; 0 failed calls',
    files: ['test/store/direct-edits-envoys.test.ts', 'test/store/direct-edits.test.ts'],
    only: 'an edit',
  }),
  fromTests({
    name: 'tampering',
    line:
      'Forged digests, a forged accepted state and restored older ones, running and over restarts, under a real `cellwall serve` with ' +
      'four real Envoys',
    bound: '0 forged states in force, all put right; 0 failed calls',
    files: ['test/store/direct-edits-envoys.test.ts', 'test/store/direct-edits.test.ts'],
    only: 'forged|no edit',
  }),
  fromTests({
    name: 'replica-churn',
    line:
      'Two control planes, 200 raw streams, and 10 real Envoys with HTTP/1.1, HTTP/2, gRPC and TCP load: kill -9 of one, a rolling ' +
      'restart of both, SIGSTOP of one for 60 s; a raw caller counts the endpoints that it has all the while',
    bound: '0 failed calls; no endpoint lost; nothing re-sent but own secrets; all streams back within 5 s',
    files: ['test/serve/replica-churn.test.ts'],
    limitMinutes: 15,
  }),
  fromTests({
    name: 'replica-latency',
    line: 'A change is in force at the proxy of the other control plane, with 100 idle proxies on each, after the begin of the apply',
    bound: 'median ≤ 100 ms, p99 ≤ 250 ms',
    files: ['test/serve/replica-latency.test.ts'],
  }),
];
