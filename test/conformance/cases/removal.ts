// What is not there, goes, or comes later (rules 10, 11).
import assert from 'node:assert/strict';
import type { Case } from '../case.ts';

const two = { a: 'a1', b: 'b1' };

export const removalCases: readonly Case[] = [
  {
    id: 'nothing-before-the-configuration',
    rule: 10,
    level: 'must',
    title: 'nothing is sent before there is a configuration: an empty set would delete everything',
    async run({ connect, set }) {
      const peer = connect();
      peer.ask('cluster');
      peer.ask('listener');
      await peer.quiet('there is no configuration yet');
      await set({ cluster: two, listener: two });
      assert.deepEqual((await peer.take('cluster')).names.toSorted(), ['a', 'b']);
      assert.deepEqual((await peer.take('listener')).names.toSorted(), ['a', 'b']);
    },
  },
  {
    id: 'removed-delta-wildcard',
    rule: 11,
    level: 'must',
    protocol: 'delta',
    title: 'the removal of a cluster is told',
    async run({ connect, set, remove }) {
      await set({ cluster: two });
      const peer = connect();
      peer.ask('cluster');
      await peer.take('cluster');
      await remove('cluster', 'a');
      const { names, removed } = await peer.take('cluster');
      assert.deepEqual([names, removed], [[], ['a']]);
    },
  },
  {
    id: 'removed-delta-named',
    rule: 11,
    level: 'must',
    protocol: 'delta',
    title: 'the removal of endpoints asked for by name is told, that of others is not',
    async run({ connect, set, remove }) {
      await set({ endpoint: { ...two, c: 'c1' } });
      const peer = connect();
      peer.ask('endpoint', { add: ['a'] });
      await peer.take('endpoint');
      await remove('endpoint', 'b');
      await remove('endpoint', 'a');
      assert.deepEqual((await peer.take('endpoint')).removed, ['a']);
    },
  },
  ...(['cluster', 'listener'] as const).map(
    (kind): Case => ({
      id: `removed-sotw-${kind}`,
      rule: 10,
      level: 'must',
      protocol: 'sotw',
      title: `the removal of a ${kind} leaves it out of the full set, that of the last leaves an empty one`,
      async run({ connect, set, remove }) {
        await set({ [kind]: two });
        const peer = connect();
        peer.ask(kind);
        await peer.take(kind);
        await remove(kind, 'a');
        const one = await peer.takeUntil(kind, `a set without ${kind} a`, ({ names }) => !names.includes('a'));
        assert.deepEqual(one.names, ['b']);
        await remove(kind, 'b');
        await peer.takeUntil(kind, 'an empty set', ({ names }) => names.length === 0);
      },
    }),
  ),
  {
    id: 'absent-is-told',
    rule: 11,
    level: 'must',
    protocol: 'delta',
    title: 'a name that does not exist is told in removed_resources',
    async run({ connect, set }) {
      await set({ endpoint: { a: 'a1' } });
      const peer = connect();
      peer.ask('endpoint', { add: ['x'] });
      assert.deepEqual((await peer.next('endpoint')).removed, ['x']);
    },
  },
  {
    id: 'absent-beside-present',
    rule: 11,
    level: 'must',
    title: 'what exists is served at once, whatever else is asked for and does not exist',
    async run({ connect, set }) {
      await set({ endpoint: { a: 'a1' } });
      const peer = connect();
      peer.ask('endpoint', { add: ['a', 'x'] });
      assert((await peer.next('endpoint')).names.includes('a'));
    },
  },
  {
    id: 'appears',
    rule: 11,
    level: 'must',
    title: 'a name asked for before it exists is sent when it appears',
    async run({ connect, set, update }) {
      await set({ endpoint: { a: 'a1' } });
      const peer = connect();
      peer.ask('endpoint', { add: ['a', 'x'] });
      await peer.drain('endpoint');
      await update('endpoint', 'x', 'x1');
      await peer.takeUntil('endpoint', 'x', ({ resources }) => resources.get('x') === 'x1');
    },
  },
  {
    id: 'appears-beside-wildcard',
    rule: 11,
    level: 'must',
    title: 'a cluster asked for beside "*" before it exists is sent when it appears',
    async run({ connect, set, update }) {
      await set({ cluster: { a: 'a1' } });
      const peer = connect();
      peer.ask('cluster', { add: ['*', 'x'] });
      await peer.drain('cluster');
      await update('cluster', 'x', 'x1');
      await peer.takeUntil('cluster', 'x', ({ resources }) => resources.get('x') === 'x1');
    },
  },
  {
    id: 'back-again',
    rule: 11,
    level: 'must',
    title: 'what was removed and comes back is sent, though it is the same',
    async run({ connect, set, remove, update }) {
      await set({ endpoint: two });
      const peer = connect();
      peer.ask('endpoint', { add: ['a', 'b'] });
      await peer.take('endpoint');
      await remove('endpoint', 'a');
      await peer.drain('endpoint');
      await update('endpoint', 'a', 'a1');
      await peer.takeUntil('endpoint', 'a', ({ resources }) => resources.get('a') === 'a1');
    },
  },
];
