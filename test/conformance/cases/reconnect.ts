// A client that comes back with what it had (rules 3, 8, 11).
import assert from 'node:assert/strict';
import type { Case, Context } from '../case.ts';
import type { Told } from '../peer.ts';
import type { Kind } from '../variant.ts';

const two = { a: 'a1', b: 'b1' };

/** What an earlier stream was told, before it ended. */
async function before({ connect }: Context, kind: Kind, add: readonly string[]): Promise<Told> {
  const peer = connect();
  peer.ask(kind, { add });
  const told = await peer.take(kind);
  await peer.drain(kind);
  peer.close();
  return told;
}

export const reconnectCases: readonly Case[] = [
  {
    id: 'reconnect-empty-handed',
    rule: 8,
    level: 'must',
    title: 'a client that comes back with nothing is sent everything',
    async run(context) {
      await context.set({ cluster: two });
      await before(context, 'cluster', []);
      const peer = context.connect();
      peer.ask('cluster');
      assert.deepEqual((await peer.take('cluster')).names.toSorted(), ['a', 'b']);
    },
  },
  {
    id: 'reconnect-delta-wildcard',
    rule: 8,
    level: 'must',
    protocol: 'delta',
    title: 'clusters in initial_resource_versions that did not change are not sent again',
    async run(context) {
      await context.set({ cluster: two });
      const { versions } = await before(context, 'cluster', []);
      const peer = context.connect();
      peer.ask('cluster', { has: versions });
      for (const { names } of await peer.drain('cluster')) assert.deepEqual(names, []);
      await context.update('cluster', 'a', 'a2');
      assert.deepEqual([...(await peer.take('cluster')).resources], [['a', 'a2']]);
    },
  },
  {
    id: 'reconnect-delta-named',
    rule: 8,
    level: 'must',
    protocol: 'delta',
    title:
      'endpoints in initial_resource_versions that did not change are not sent again, though they are subscribed to',
    async run(context) {
      await context.set({ endpoint: two });
      const { versions } = await before(context, 'endpoint', ['a', 'b']);
      await context.update('endpoint', 'b', 'b2');
      const peer = context.connect();
      peer.ask('endpoint', { add: ['a', 'b'], has: versions });
      assert.deepEqual([...(await peer.take('endpoint')).resources], [['b', 'b2']]);
      await peer.quiet('a is the same');
    },
  },
  {
    id: 'reconnect-delta-removed-wildcard',
    rule: 11,
    level: 'must',
    protocol: 'delta',
    title: 'what was removed while a wildcard client was away is told',
    async run(context) {
      await context.set({ cluster: two });
      const { versions } = await before(context, 'cluster', []);
      await context.remove('cluster', 'b');
      const peer = context.connect();
      peer.ask('cluster', { has: versions });
      assert.deepEqual((await peer.take('cluster')).removed, ['b']);
    },
  },
  {
    id: 'reconnect-delta-removed-named',
    rule: 11,
    level: 'must',
    protocol: 'delta',
    title: 'what was removed while a client that names it was away is told',
    async run(context) {
      await context.set({ endpoint: two });
      const { versions } = await before(context, 'endpoint', ['a', 'b']);
      await context.remove('endpoint', 'b');
      const peer = context.connect();
      peer.ask('endpoint', { add: ['a', 'b'], has: versions });
      assert.deepEqual((await peer.take('endpoint')).removed, ['b']);
    },
  },
  {
    id: 'later-initial-versions',
    rule: 8,
    level: 'should',
    protocol: 'delta',
    title: 'initial_resource_versions count in the first request of a type only',
    async run(context) {
      await context.set({ endpoint: two });
      const { versions } = await before(context, 'endpoint', ['a', 'b']);
      const peer = context.connect();
      peer.ask('endpoint', { add: ['a'] });
      await peer.take('endpoint');
      peer.ask('endpoint', { add: ['b'], has: versions });
      assert((await peer.take('endpoint')).names.includes('b'));
    },
  },
  {
    id: 'reconnect-sotw-wildcard',
    rule: 8,
    level: 'should',
    protocol: 'sotw',
    title: 'a client that comes back with the newest version is not sent it again',
    async run(context) {
      await context.set({ cluster: two });
      const { version } = await before(context, 'cluster', []);
      const peer = context.connect();
      peer.ask('cluster', { version });
      await peer.quiet('the client has it');
      await context.update('cluster', 'a', 'a2');
      assert.equal((await peer.take('cluster')).resources.get('a'), 'a2');
    },
  },
  {
    id: 'reconnect-sotw-changed',
    rule: 8,
    level: 'must',
    protocol: 'sotw',
    title: 'a client that comes back with an older version is sent the newest',
    async run(context) {
      await context.set({ cluster: two });
      const { version } = await before(context, 'cluster', []);
      await context.update('cluster', 'a', 'a2');
      const peer = context.connect();
      peer.ask('cluster', { version });
      assert.equal((await peer.take('cluster')).resources.get('a'), 'a2');
    },
  },
  {
    id: 'reconnect-sotw-new-name',
    rule: 8,
    level: 'must',
    protocol: 'sotw',
    title: 'a client that comes back with the newest version and a new name is sent what it names',
    async run(context) {
      await context.set({ endpoint: two });
      const { version } = await before(context, 'endpoint', ['a']);
      const peer = context.connect();
      peer.ask('endpoint', { add: ['a', 'b'], version });
      await peer.takeUntil('endpoint', 'b', ({ resources }) => resources.has('b'));
    },
  },
];
