// What an update carries, and its version (rules 3, 5, 10, 18).
import assert from 'node:assert/strict';
import type { Case } from '../case.ts';

const two = { a: 'a1', b: 'b1' };

export const updateCases: readonly Case[] = [
  {
    id: 'delta-carries-changes',
    rule: 5,
    level: 'must',
    protocol: 'delta',
    title: 'an update carries what changed and nothing else',
    async run({ connect, set, update }) {
      await set({ cluster: { ...two, c: 'c1' } });
      const peer = connect();
      peer.ask('cluster');
      await peer.take('cluster');
      await update('cluster', 'b', 'b2');
      const { resources, removed } = await peer.take('cluster');
      assert.deepEqual([[...resources], removed], [[['b', 'b2']], []]);
    },
  },
  ...(['cluster', 'listener'] as const).map(
    (kind): Case => ({
      id: `full-set-of-${kind}s`,
      rule: 10,
      level: 'must',
      protocol: 'sotw',
      title: `an update of one ${kind} carries all`,
      async run({ connect, set, update }) {
        await set({ [kind]: two });
        const peer = connect();
        peer.ask(kind);
        await peer.take(kind);
        await update(kind, 'b', 'b2');
        const { resources } = await peer.take(kind);
        assert.deepEqual(
          new Map([...resources].toSorted()),
          new Map([
            ['a', 'a1'],
            ['b', 'b2'],
          ]),
        );
      },
    }),
  ),
  {
    id: 'named-types-carry-changes',
    rule: 5,
    level: 'should',
    protocol: 'sotw',
    title: 'an update of endpoints carries what changed only',
    async run({ connect, set, update }) {
      await set({ endpoint: two });
      const peer = connect();
      peer.ask('endpoint', { add: ['a', 'b'] });
      await peer.take('endpoint');
      await update('endpoint', 'b', 'b2');
      assert.deepEqual([...(await peer.take('endpoint')).resources], [['b', 'b2']]);
    },
  },
  {
    id: 'others-change',
    rule: 5,
    level: 'should',
    title: 'nothing is sent when only what the client did not ask for changes',
    async run({ connect, set, update }) {
      await set({ endpoint: { a: 'a1' } });
      const peer = connect();
      peer.ask('endpoint', { add: ['a'] });
      await peer.take('endpoint');
      await update('endpoint', 'b', 'b1');
      await peer.quiet('only b came');
    },
  },
  {
    id: 'same-again',
    rule: 5,
    level: 'must',
    title: 'setting the same contents again sends nothing',
    async run({ connect, set }) {
      await set({ cluster: two, endpoint: two });
      const peer = connect();
      peer.ask('cluster');
      await peer.take('cluster');
      peer.ask('endpoint', { add: ['a', 'b'] });
      await peer.take('endpoint');
      await set({ endpoint: { b: 'b1', a: 'a1' }, cluster: { b: 'b1', a: 'a1' } });
      await peer.quiet('nothing changed');
    },
  },
  {
    id: 'types-have-their-own-versions',
    rule: 3,
    level: 'must',
    transport: 'ads',
    title: 'a change of one type sends nothing of another that does not depend on it',
    async run({ connect, set, update }) {
      await set({ cluster: two, route: { r: 'r1' } });
      const peer = connect();
      peer.ask('cluster');
      await peer.take('cluster');
      peer.ask('route', { add: ['r'] });
      await peer.take('route');
      await update('route', 'r', 'r2');
      assert.equal((await peer.take('route')).resources.get('r'), 'r2');
      await peer.quiet('no cluster changed');
    },
  },
  {
    id: 'version-changes',
    rule: 3,
    level: 'must',
    title: 'a changed resource has another version, and what is changed back its earlier one',
    async run({ connect, set, update, variant }) {
      await set({ cluster: { a: 'a1' } });
      const peer = connect();
      peer.ask('cluster');
      const versions: (string | undefined)[] = [];
      for (const text of ['a2', 'a1', undefined]) {
        const told = await peer.take('cluster');
        versions.push(variant.protocol === 'sotw' ? told.version : told.versions.get('a'));
        if (text !== undefined) await update('cluster', 'a', text);
      }
      assert.notEqual(versions[0], versions[1]);
      assert.equal(versions[0], versions[2]);
    },
  },
  {
    id: 'replica-has-the-same-versions',
    rule: 3,
    level: 'must',
    title: 'another replica, or this one after a restart, gives the same resources the same versions',
    async run({ connect, replica, set, variant }) {
      await set({ cluster: two });
      const versions = await Promise.all(
        [connect(), await replica({ cluster: { b: 'b1', a: 'a1' } })].map(async (peer) => {
          peer.ask('cluster');
          const told = await peer.next('cluster');
          return variant.protocol === 'sotw' ? told.version : [...told.versions].toSorted();
        }),
      );
      assert.deepEqual(versions[0], versions[1]);
    },
  },
  {
    id: 'burst',
    rule: 18,
    level: 'must',
    title: 'a burst of changes ends with the newest, in fewer pushes than changes',
    async run({ connect, set, update }) {
      await set({ cluster: { a: 'a0' } });
      const peer = connect();
      peer.ask('cluster');
      await peer.take('cluster');
      const changes = 100;
      const before = peer.log.length;
      await Promise.all(Array.from({ length: changes }, (_, i) => update('cluster', 'a', `a${i + 1}`)));
      await update('cluster', 'a', 'last');
      await peer.takeUntil('cluster', 'the newest', ({ resources }) => resources.get('a') === 'last');
      await peer.quiet('the newest was sent');
      assert(peer.log.length - before <= changes, `${peer.log.length - before} pushes`);
    },
  },
];
