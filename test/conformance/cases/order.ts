// Across types, on one stream: warming and make before break (rules 12, 13).
import assert from 'node:assert/strict';
import type { Case } from '../case.ts';
import type { Peer } from '../peer.ts';
import type { Kind } from '../variant.ts';

/** Subscribes to clusters and listeners, then to what they refer to by these names. */
async function start(peer: Peer, name: string, kinds: readonly Kind[]): Promise<void> {
  for (const kind of kinds) {
    peer.ask(kind, kind === 'cluster' || kind === 'listener' ? {} : { add: [name] });
    await peer.take(kind);
  }
  for (const kind of kinds) await peer.drain(kind);
}

/** `text` of the changed referrer: `anew` refers by another config source, for which Envoy has no subscription yet. */
function dependent(id: string, referrer: Kind, kind: Kind, level: Case['level'], text: 'changed' | 'anew'): Case {
  return {
    id,
    rule: 12,
    level,
    transport: 'ads',
    title:
      `a ${referrer} that ${text === 'anew' ? 'refers to its' : 'changed has its'} ${kind} ` +
      `${text === 'anew' ? 'anew has it ' : ''}sent again, though that is the same: the ${referrer} warms`,
    async run({ connect, set, update }) {
      await set({ [referrer]: { a: 'a1' }, [kind]: { a: 'same' } });
      const peer = connect();
      await start(peer, 'a', [referrer, kind]);
      await update(referrer, 'a', text);
      await peer.take(referrer);
      assert.equal((await peer.take(kind)).resources.get('a'), 'same');
    },
  };
}

export const orderCases: readonly Case[] = [
  dependent('warming-cluster', 'cluster', 'endpoint', 'must', 'changed'),
  dependent('warming-listener-route', 'listener', 'route', 'should', 'anew'),
  dependent('warming-listener-secret', 'listener', 'secret', 'should', 'anew'),
  {
    id: 'push-order',
    rule: 13,
    level: 'must',
    transport: 'ads',
    title: 'of changes that come together, clusters go first, then endpoints, listeners, routes',
    async run({ connect, set }) {
      const all = (text: string) => ({
        route: { a: text },
        listener: { a: text },
        endpoint: { a: text },
        cluster: { a: text },
      });
      await set(all('1'));
      const peer = connect();
      const kinds = ['cluster', 'endpoint', 'listener', 'route'] as const;
      await start(peer, 'a', kinds);
      await set(all('2'));
      for (const kind of kinds) {
        await peer.takeUntil(kind, `the new ${kind}`, ({ resources }) => resources.get('a') === '2');
      }
      const first = kinds.map((kind) =>
        peer.log.findIndex((told) => told.kind === kind && told.resources.get('a') === '2'),
      );
      assert.deepEqual(
        first,
        first.toSorted((one, other) => one - other),
      );
    },
  },
  {
    id: 'make-before-break',
    rule: 13,
    level: 'should',
    transport: 'ads',
    title: 'a cluster goes once the route that used it was replaced and accepted',
    async run({ connect, set, variant }) {
      await set({ cluster: { a: '1' }, endpoint: { a: '1' }, route: { r: 'to-a' } });
      const peer = connect();
      await start(peer, 'a', ['cluster', 'endpoint']);
      peer.ask('route', { add: ['r'] });
      await peer.take('route');
      await set({ cluster: { b: '1' }, endpoint: { b: '1' }, route: { r: 'to-b' } });
      const told = await peer.next('cluster');
      assert(told.names.includes('b'));
      const kept = variant.protocol === 'sotw' ? told.names.includes('a') : !told.removed.includes('a');
      assert(kept, 'cluster a went while a route used it');
      peer.ask('endpoint', { add: ['b'] });
      await peer.take('endpoint');
      peer.ack('cluster');
      assert.equal((await peer.take('route')).resources.get('r'), 'to-b');
      await peer.takeUntil('cluster', 'the removal of a', ({ names, removed }) =>
        variant.protocol === 'sotw' ? !names.includes('a') : removed.includes('a'),
      );
    },
  },
];
