// What a client asks for: wildcards, names, both; asking again, and no longer (rules 8, 9).
import assert from 'node:assert/strict';
import type { Case } from '../case.ts';
import type { Told } from '../peer.ts';

const two = { a: 'a1', b: 'b1' };
const full = ['cluster', 'listener'] as const;

export const wildcardCases: readonly Case[] = [
  ...full.map(
    (kind): Case => ({
      id: `legacy-wildcard-${kind}`,
      rule: 9,
      level: 'must',
      title: `a request that names nothing means all ${kind}s, and goes on meaning it`,
      async run({ connect, set, update }) {
        await set({ [kind]: two });
        const peer = connect();
        peer.ask(kind);
        assert.deepEqual((await peer.take(kind)).names.toSorted(), ['a', 'b']);
        await update(kind, 'c', 'c1');
        assert((await peer.take(kind)).names.includes('c'));
      },
    }),
  ),
  ...full.map(
    (kind): Case => ({
      id: `explicit-wildcard-${kind}`,
      rule: 9,
      level: 'must',
      title: `"*" means all ${kind}s`,
      async run({ connect, set, update }) {
        await set({ [kind]: two });
        const peer = connect();
        peer.ask(kind, { add: ['*'] });
        assert.deepEqual((await peer.take(kind)).names.toSorted(), ['a', 'b']);
        await update(kind, 'c', 'c1');
        assert((await peer.take(kind)).names.includes('c'));
      },
    }),
  ),
  {
    id: 'no-wildcard-of-endpoints',
    rule: 9,
    level: 'should',
    title: 'a request for endpoints that names nothing asks for nothing: wildcards are of clusters and listeners',
    async run({ connect, set }) {
      await set({ endpoint: two });
      const peer = connect();
      peer.ask('endpoint');
      for (const { names } of await peer.drain('endpoint')) assert.deepEqual(names, []);
    },
  },
  {
    id: 'named-among-others',
    rule: 9,
    level: 'must',
    title: 'what is named is served, though there is more of the type',
    async run({ connect, set }) {
      await set({ endpoint: two });
      const peer = connect();
      peer.ask('endpoint', { add: ['a'] });
      assert((await peer.next('endpoint')).names.includes('a'));
    },
  },
  {
    id: 'named-cluster',
    rule: 9,
    level: 'should',
    title: 'a cluster asked for by name comes alone',
    async run({ connect, set }) {
      await set({ cluster: two });
      const peer = connect();
      peer.ask('cluster', { add: ['a'] });
      assert.deepEqual((await peer.next('cluster')).names, ['a']);
    },
  },
  ...(['cluster', 'endpoint'] as const).map(
    (kind): Case => ({
      id: `unsubscribe-all-${kind}s`,
      rule: 9,
      level: 'must',
      title: `after names, none means no ${kind}s: it is no wildcard`,
      async run({ connect, set, update }) {
        await set({ [kind]: { a: 'a1' } });
        const peer = connect();
        peer.ask(kind, { add: ['a'] });
        await peer.take(kind);
        peer.ask(kind, { drop: ['a'] });
        for (const { names } of await peer.drain(kind)) assert.deepEqual(names, [], 'the client wants nothing');
        await update(kind, 'a', 'a2');
        await update(kind, 'b', 'b1');
        for (const { names } of await peer.drain(kind)) assert.deepEqual(names, [], 'the client wants nothing');
      },
    }),
  ),
  {
    id: 'unsubscribe-all-after-wildcard',
    rule: 9,
    level: 'must',
    title: 'after "*", none means no clusters',
    async run({ connect, set, update }) {
      await set({ cluster: { a: 'a1' } });
      const peer = connect();
      peer.ask('cluster', { add: ['*'] });
      await peer.take('cluster');
      peer.ask('cluster', { drop: ['*'] });
      for (const { names } of await peer.drain('cluster')) assert.deepEqual(names, [], 'the client wants nothing');
      await update('cluster', 'a', 'a2');
      for (const { names } of await peer.drain('cluster')) assert.deepEqual(names, [], 'the client wants nothing');
    },
  },
  {
    id: 'unsubscribe-one',
    rule: 9,
    level: 'must',
    title: 'a dropped name is served no more, the others are',
    async run({ connect, set, update }) {
      await set({ endpoint: two });
      const peer = connect();
      peer.ask('endpoint', { add: ['a', 'b'] });
      await peer.take('endpoint');
      peer.ask('endpoint', { drop: ['a'] });
      await peer.drain('endpoint');
      await update('endpoint', 'a', 'a2');
      for (const { names } of await peer.drain('endpoint')) assert(!names.includes('a'), 'a is not wanted any more');
      await update('endpoint', 'b', 'b2');
      await peer.takeUntil('endpoint', 'b', ({ resources }) => resources.get('b') === 'b2');
    },
  },
  {
    id: 'phantom-unsubscribe',
    rule: 9,
    level: 'must',
    protocol: 'delta',
    title: 'dropping a name that was never wanted is harmless',
    async run({ connect, set, update }) {
      await set({ endpoint: two });
      const peer = connect();
      peer.ask('endpoint', { add: ['a'] });
      await peer.take('endpoint');
      peer.ask('endpoint', { drop: ['never'] });
      await update('endpoint', 'a', 'a2');
      assert.equal((await peer.take('endpoint')).resources.get('a'), 'a2');
    },
  },
  {
    id: 'wildcard-then-names',
    rule: 9,
    level: 'must',
    title: 'dropping "*" beside a name leaves the name',
    async run({ connect, set, update }) {
      await set({ cluster: two });
      const peer = connect();
      peer.ask('cluster', { add: ['*', 'a'] });
      await peer.take('cluster');
      peer.ask('cluster', { drop: ['*'] });
      await peer.drain('cluster');
      await update('cluster', 'b', 'b2');
      for (const { names } of await peer.drain('cluster')) assert(!names.includes('b'), 'b is not wanted any more');
      await update('cluster', 'a', 'a2');
      await peer.takeUntil('cluster', 'a', ({ resources }) => resources.get('a') === 'a2');
    },
  },
  {
    id: 'legacy-wildcard-goes-with-a-name',
    rule: 9,
    level: 'must',
    protocol: 'sotw',
    title: 'naming something ends a wildcard that was never named',
    async run({ connect, set, update }) {
      await set({ cluster: two });
      const peer = connect();
      peer.ask('cluster');
      await peer.take('cluster');
      peer.ask('cluster', { add: ['a'] });
      await peer.drain('cluster');
      await update('cluster', 'b', 'b2');
      for (const { names } of await peer.drain('cluster')) assert(!names.includes('b'), 'b is not wanted any more');
    },
  },
  {
    id: 'legacy-wildcard-stays-beside-a-name',
    rule: 9,
    level: 'must',
    protocol: 'delta',
    title: 'naming something adds to a wildcard that was never named',
    async run({ connect, set, update }) {
      await set({ cluster: two });
      const peer = connect();
      peer.ask('cluster');
      await peer.take('cluster');
      peer.ask('cluster', { add: ['a'] });
      await peer.drain('cluster');
      await update('cluster', 'b', 'b2');
      await peer.takeUntil('cluster', 'b', ({ resources }) => resources.get('b') === 'b2');
    },
  },
  {
    id: 'name-dropped-beside-wildcard',
    rule: 9,
    level: 'must',
    protocol: 'delta',
    title: 'dropping a name beside "*" is answered with the resource, or with its absence',
    async run({ connect, set }) {
      await set({ cluster: two });
      const peer = connect();
      peer.ask('cluster', { add: ['*', 'a', 'x'] });
      await peer.take('cluster');
      await peer.drain('cluster');
      peer.ask('cluster', { drop: ['a', 'x'] });
      const told: Told[] = [];
      await peer.takeUntil('cluster', 'what becomes of a and x', (one) => {
        told.push(one);
        return told.some(({ names }) => names.includes('a')) && told.some(({ removed }) => removed.includes('x'));
      });
    },
  },
  {
    id: 'name-requested-beside-wildcard',
    rule: 8,
    level: 'must',
    title: 'a name newly asked for beside "*" is sent again, though unchanged',
    async run({ connect, set }) {
      await set({ cluster: two });
      const peer = connect();
      peer.ask('cluster', { add: ['*'] });
      await peer.take('cluster');
      peer.ask('cluster', { add: ['a'] });
      assert((await peer.take('cluster')).names.includes('a'));
    },
  },
  {
    id: 'requested-again',
    rule: 8,
    level: 'must',
    title: 'a name dropped and asked for anew is sent again, though unchanged',
    async run({ connect, set }) {
      await set({ endpoint: two });
      const peer = connect();
      peer.ask('endpoint', { add: ['a', 'b'] });
      await peer.take('endpoint');
      peer.ask('endpoint', { drop: ['a'] });
      await peer.drain('endpoint');
      peer.ask('endpoint', { add: ['a'] });
      assert((await peer.take('endpoint')).names.includes('a'));
    },
  },
  {
    id: 'resubscribed',
    rule: 8,
    level: 'must',
    protocol: 'delta',
    title: 'a name that is already subscribed to is sent again when asked for',
    async run({ connect, set }) {
      await set({ endpoint: two });
      const peer = connect();
      peer.ask('endpoint', { add: ['a'] });
      await peer.take('endpoint');
      peer.ask('endpoint', { add: ['a'] });
      assert((await peer.take('endpoint')).names.includes('a'));
    },
  },
  {
    id: 'empty-wildcard',
    rule: 9,
    level: 'must',
    title: 'a wildcard over nothing is answered all the same: a client waits for it to finish its start',
    async run({ connect, set }) {
      await set({ endpoint: two });
      const peer = connect();
      peer.ask('cluster');
      assert.deepEqual((await peer.take('cluster')).names, []);
    },
  },
];
