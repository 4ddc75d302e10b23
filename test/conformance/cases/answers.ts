// ACKs and NACKs, stale nonces, names that change with them (rules 4 to 7, 14).
import assert from 'node:assert/strict';
import type { Case } from '../case.ts';

export const answerCases: readonly Case[] = [
  {
    id: 'ack-is-no-request',
    rule: 5,
    level: 'must',
    title: 'an ACK is not answered',
    async run({ connect, set }) {
      await set({ cluster: { a: 'a1' }, endpoint: { a: 'a1' } });
      const peer = connect();
      peer.ask('cluster');
      await peer.take('cluster');
      peer.ask('endpoint', { add: ['a'] });
      await peer.take('endpoint');
      await peer.quiet('everything was accepted');
    },
  },
  {
    id: 'absent-name-does-not-loop',
    rule: 5,
    level: 'must',
    title: 'a name that does not exist makes no endless exchange',
    async run({ connect, set }) {
      await set({ endpoint: { a: 'a1' } });
      const peer = connect();
      peer.ask('endpoint', { add: ['a', 'x'] });
      await peer.drain('endpoint');
    },
  },
  {
    id: 'nack-is-not-answered',
    rule: 14,
    level: 'must',
    title: 'what was rejected is not sent again',
    async run({ connect, set }) {
      await set({ cluster: { a: 'bad' } });
      const peer = connect();
      peer.ask('cluster');
      await peer.next('cluster');
      peer.nack('cluster');
      await peer.quiet('the rejected version is the newest there is');
    },
  },
  {
    id: 'nack-of-an-update',
    rule: 14,
    level: 'must',
    title: 'an update that was rejected is not sent again',
    async run({ connect, set, update }) {
      await set({ endpoint: { a: 'good' } });
      const peer = connect();
      peer.ask('endpoint', { add: ['a'] });
      await peer.take('endpoint');
      await update('endpoint', 'a', 'bad');
      await peer.next('endpoint');
      peer.nack('endpoint');
      await peer.quiet('the rejected version is the newest there is');
    },
  },
  {
    id: 'nack-then-corrected',
    rule: 14,
    level: 'must',
    title: 'after a NACK the corrected version is sent',
    async run({ connect, set, update }) {
      await set({ cluster: { a: 'bad' } });
      const peer = connect();
      peer.ask('cluster');
      await peer.next('cluster');
      peer.nack('cluster');
      await update('cluster', 'a', 'good');
      await peer.takeUntil('cluster', 'the corrected version', ({ resources }) => resources.get('a') === 'good');
    },
  },
  {
    id: 'nack-with-the-newest-version',
    rule: 4,
    level: 'must',
    protocol: 'sotw',
    title: 'error_detail makes a NACK even if version_info is the newest: what was rejected stays unsent, updates come',
    async run({ connect, set, update }) {
      await set({ endpoint: { a: 'bad' } });
      const peer = connect();
      peer.ask('endpoint', { add: ['a'] });
      const { version } = await peer.next('endpoint');
      peer.nack('endpoint', { version });
      await peer.quiet('the rejected version is the newest there is');
      await update('endpoint', 'a', 'good');
      assert.equal((await peer.take('endpoint')).resources.get('a'), 'good');
    },
  },
  {
    id: 'nack-concerns-its-type',
    rule: 14,
    level: 'must',
    transport: 'ads',
    title: 'a NACK of one type holds up no other',
    async run({ connect, set, update }) {
      await set({ listener: { l: 'bad' }, endpoint: { a: 'a1' } });
      const peer = connect();
      peer.ask('listener');
      peer.ask('endpoint', { add: ['a'] });
      await peer.take('endpoint');
      await peer.next('listener');
      peer.nack('listener');
      await update('endpoint', 'a', 'a2');
      assert.equal((await peer.take('endpoint')).resources.get('a'), 'a2');
    },
  },
  {
    id: 'names-with-an-ack',
    rule: 7,
    level: 'must',
    title: 'names added by an ACK are served',
    async run({ connect, set }) {
      await set({ endpoint: { a: 'a1', b: 'b1' } });
      const peer = connect();
      peer.ask('endpoint', { add: ['a'] });
      await peer.next('endpoint');
      peer.ack('endpoint', { add: ['b'] });
      await peer.takeUntil('endpoint', 'b', ({ resources }) => resources.has('b'));
    },
  },
  {
    id: 'names-with-a-nack',
    rule: 7,
    level: 'must',
    title: 'names added by a NACK are served',
    async run({ connect, set }) {
      await set({ endpoint: { a: 'bad', b: 'b1' } });
      const peer = connect();
      peer.ask('endpoint', { add: ['a'] });
      await peer.next('endpoint');
      peer.nack('endpoint', { add: ['b'] });
      await peer.takeUntil('endpoint', 'b', ({ resources }) => resources.has('b'));
    },
  },
  {
    id: 'names-dropped-with-an-ack',
    rule: 7,
    level: 'must',
    title: 'names dropped by an ACK are no longer served',
    async run({ connect, set, update }) {
      await set({ endpoint: { a: 'a1', b: 'b1' } });
      const peer = connect();
      peer.ask('endpoint', { add: ['a', 'b'] });
      await peer.next('endpoint');
      peer.ack('endpoint', { drop: ['b'] });
      await peer.drain('endpoint');
      await update('endpoint', 'b', 'b2');
      for (const { names } of await peer.drain('endpoint')) assert(!names.includes('b'), 'b is not wanted any more');
    },
  },
  {
    id: 'stale-nonce-sotw',
    rule: 6,
    level: 'must',
    protocol: 'sotw',
    title: 'a request with a stale nonce is not answered; what it wanted comes with the next one',
    async run({ connect, set, update }) {
      await set({ endpoint: { a: 'a1', b: 'b1' } });
      const peer = connect();
      peer.ask('endpoint', { add: ['a'] });
      const { nonce, version } = await peer.take('endpoint');
      await update('endpoint', 'a', 'a2');
      await peer.next('endpoint');
      peer.ask('endpoint', { add: ['b'], nonce, version });
      await peer.quiet('the nonce is stale');
      peer.ack('endpoint');
      await peer.takeUntil('endpoint', 'b', ({ resources }) => resources.has('b'));
    },
  },
  {
    id: 'stale-nonce-delta',
    rule: 6,
    level: 'must',
    protocol: 'delta',
    title: 'what a request with a stale nonce subscribes to counts',
    async run({ connect, set, update }) {
      await set({ endpoint: { a: 'a1', b: 'b1' } });
      const peer = connect();
      peer.ask('endpoint', { add: ['a'] });
      const { nonce } = await peer.take('endpoint');
      await update('endpoint', 'a', 'a2');
      await peer.next('endpoint');
      peer.ask('endpoint', { add: ['b'], nonce });
      assert.equal((await peer.next('endpoint')).resources.get('b'), 'b1');
      peer.ask('endpoint', { drop: ['b'], nonce: 'never-heard-of' });
      await peer.drain('endpoint');
      await update('endpoint', 'b', 'b2');
      for (const { names } of await peer.drain('endpoint')) assert(!names.includes('b'), 'b is not wanted any more');
    },
  },
  {
    id: 'requests-in-a-row',
    rule: 6,
    level: 'must',
    title: 'of requests that follow one another at once, the newest decides',
    async run({ connect, set }) {
      await set({ endpoint: { a: 'a1', b: 'b1', c: 'c1' } });
      const peer = connect();
      peer.ask('endpoint', { add: ['a'] });
      peer.ask('endpoint', { add: ['b'] });
      peer.ask('endpoint', { add: ['c'] });
      const seen = new Set<string>();
      await peer.takeUntil('endpoint', 'a, b and c', ({ names }) => {
        for (const name of names) seen.add(name);
        return seen.size === 3;
      });
    },
  },
];
