// Key exchange groups are counted once, by what is more than was told before: over reports, restarts of Envoy, and its first report here.
import { expect, test } from 'vitest';
import { readCountersReport } from '../../src/identity-api/counters-report.ts';
import { envoyCounterNames } from '../../src/lib/envoy-counters.ts';
import { createTlsGroups } from '../../src/observe/tls-groups.ts';
import { readGroups } from '../../src/sidecar/envoy/envoy-counters.ts';

function world() {
  const counted = new Map<string, number>();
  const groups = createTlsGroups({
    record(edge, { facts, count }) {
      expect(edge).toEqual({ side: 'listener', service: 'api' });
      counted.set(facts.tls, (counted.get(facts.tls) ?? 0) + count);
    },
  });
  groups.connected('n', 'api');
  return { groups, counted: () => Object.fromEntries(counted) };
}

test('what was counted before this control plane heard of it is left out; a restarted Envoy begins at none', () => {
  const { groups, counted } = world();
  groups.told('n', 'a', { X25519: 100 });
  expect(counted()).toEqual({});
  groups.told('n', 'a', { X25519: 103, X25519MLKEM768: 5 });
  groups.told('n', 'a', { X25519: 103, X25519MLKEM768: 5 });
  groups.connected('n', 'api');
  groups.told('n', 'b', { X25519MLKEM768: 2 });
  expect(counted()).toEqual({ X25519: 3, X25519MLKEM768: 7 });
  groups.told('nobody', 'b', { X25519: 1 });
  groups.forget('n');
  groups.told('n', 'b', { X25519: 50 });
  expect(counted()).toEqual({ X25519: 3, X25519MLKEM768: 7 });
});

test('they are read from the statistics of inbound listeners, and of no worker', () => {
  const text = `listener.127.0.0.1_27755.ssl.curves.X25519: 4
listener.127.0.0.1_27755.ssl.curves.X25519MLKEM768: 9
listener.[__1]_27756.ssl.curves.X25519MLKEM768: 1
listener.127.0.0.1_15001.ssl.curves.X25519: 99
listener.127.0.0.1_27755.worker_0.ssl.curves.X25519: 4
listener.127.0.0.1_27755.ssl.curves.odd name: 4
listener.127.0.0.1_27755.ssl.handshake: 13
`;
  expect(readGroups(text, [27755, 27756])).toEqual({ X25519: 4, X25519MLKEM768: 10 });
});

test('a report is refused with groups that are none, or too many; one without them is an older helper', () => {
  const counters = Object.fromEntries(envoyCounterNames.map((name) => [name, 0]));
  const report = (groups?: unknown) =>
    readCountersReport({
      instance: 'a1',
      epoch: 'e',
      last: false,
      readAt: 1,
      first: counters,
      second: counters,
      groups,
    });
  expect(report().groups).toBeUndefined();
  expect(report({ X25519: 1 }).groups).toEqual({ X25519: 1 });
  const many = Object.fromEntries(Array.from({ length: 33 }, (_, at) => [`g${at}`, 1]));
  for (const odd of [{ X25519: -1 }, { 'a b': 1 }, { X25519: '1' }, many, { ['x'.repeat(41)]: 1 }]) {
    expect(() => report(odd)).toThrow(/groups/);
  }
});
