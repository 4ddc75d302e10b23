// What holds for every stream: nonces, the node, types (rules 1, 2, 15, 16).
import assert from 'node:assert/strict';
import { typeUrls } from '../../../src/xds/resources/type-url.ts';
import type { Case } from '../case.ts';

export const streamCases: readonly Case[] = [
  {
    id: 'foreign-first-nonce',
    rule: 1,
    level: 'must',
    title: 'the first request of a type is answered whatever nonce it carries',
    async run({ connect, set }) {
      await set({ cluster: { a: 'a1' } });
      const peer = connect();
      peer.ask('cluster', { nonce: 'of-an-earlier-stream' });
      assert.deepEqual((await peer.next('cluster')).names, ['a']);
    },
  },
  {
    id: 'nonces-differ',
    rule: 1,
    level: 'must',
    title: 'every response has a nonce of its own',
    async run({ connect, set, update }) {
      await set({ cluster: { a: 'a1' } });
      const peer = connect();
      peer.ask('cluster');
      const nonces = [(await peer.take('cluster')).nonce];
      for (const text of ['a2', 'a3']) {
        await update('cluster', 'a', text);
        nonces.push((await peer.take('cluster')).nonce);
      }
      assert(nonces.every((nonce) => nonce !== ''));
      assert.equal(new Set(nonces).size, 3);
    },
  },
  {
    id: 'node-only-once',
    rule: 2,
    level: 'must',
    title: 'requests after the first need no node',
    async run({ connect, set, update }) {
      await set({ cluster: { a: 'a1' }, endpoint: { a: 'a1' } });
      const peer = connect();
      peer.ask('cluster');
      await peer.take('cluster');
      peer.ask('endpoint', { add: ['a'] });
      await peer.take('endpoint');
      await update('cluster', 'a', 'a2');
      assert.equal((await peer.take('cluster')).resources.get('a'), 'a2');
    },
  },
  {
    id: 'node-missing',
    rule: 2,
    level: 'should',
    title: 'a stream whose first request has no node is ended',
    async run({ connect, set }) {
      await set({ cluster: { a: 'a1' } });
      const peer = connect();
      peer.ask('cluster', { node: undefined });
      assert.notEqual(await peer.ended('cluster'), 0);
    },
  },
  {
    id: 'node-changes',
    rule: 2,
    level: 'should',
    title: 'a stream whose node changes is ended',
    async run({ connect, set }) {
      await set({ cluster: { a: 'a1' } });
      const peer = connect();
      peer.ask('cluster');
      const { nonce } = await peer.next('cluster');
      peer.ask('cluster', { node: 'spiffe://conformance/service/another~1', nonce });
      assert.notEqual(await peer.ended('cluster'), 0);
    },
  },
  {
    id: 'type-missing',
    rule: 16,
    level: 'must',
    transport: 'ads',
    title: 'a request without a type is an error over ADS',
    async run({ connect, set }) {
      await set({ cluster: { a: 'a1' } });
      const peer = connect();
      peer.ask('cluster', { typeUrl: '' });
      assert.notEqual(await peer.ended('cluster'), 0);
    },
  },
  {
    id: 'type-implied',
    rule: 16,
    level: 'must',
    transport: 'single',
    title: 'a single-type service implies the type',
    async run({ connect, set }) {
      await set({ endpoint: { a: 'a1' } });
      const peer = connect();
      peer.ask('endpoint', { typeUrl: '', add: ['a'] });
      assert.deepEqual((await peer.next('endpoint')).names, ['a']);
    },
  },
  {
    id: 'type-of-another-service',
    rule: 16,
    level: 'should',
    transport: 'single',
    title: 'a single-type service refuses other types',
    async run({ connect, set }) {
      await set({ cluster: { a: 'a1' } });
      const peer = connect();
      peer.ask('endpoint', { typeUrl: typeUrls.cluster });
      assert.notEqual(await peer.ended('endpoint'), 0);
    },
  },
  {
    id: 'unknown-type',
    rule: 14,
    level: 'must',
    transport: 'ads',
    title: 'a type that is not served costs the other types nothing',
    async run({ connect, set }) {
      await set({ cluster: { a: 'a1' } });
      const peer = connect();
      peer.ask('route', { add: ['r'], typeUrl: 'type.googleapis.com/envoy.service.runtime.v3.Runtime' });
      peer.ask('cluster');
      assert.deepEqual((await peer.next('cluster')).names, ['a']);
    },
  },
  {
    id: 'two-streams',
    rule: 1,
    level: 'must',
    title: 'two streams of one node are served alike: a proxy reconnects before its old stream is known to be gone',
    async run({ connect, set, update }) {
      await set({ cluster: { a: 'a1' } });
      const peers = [connect(), connect()];
      for (const peer of peers) {
        peer.ask('cluster');
        await peer.take('cluster');
      }
      await update('cluster', 'a', 'a2');
      for (const peer of peers) assert.equal((await peer.take('cluster')).resources.get('a'), 'a2');
    },
  },
  {
    id: 'no-name-twice',
    rule: 16,
    level: 'must',
    title: 'a resource wanted by name and by wildcard is in a response once, of the type asked for',
    async run({ connect, set }) {
      await set({ cluster: { a: 'a1', b: 'b1' } });
      const peer = connect();
      peer.ask('cluster', { add: ['*', 'a', 'b'] });
      const { names, typeUrls: types } = await peer.next('cluster');
      assert.deepEqual(names.toSorted(), ['a', 'b']);
      assert.deepEqual(types, [typeUrls.cluster, typeUrls.cluster]);
    },
  },
  {
    id: 'no-ttl',
    rule: 15,
    level: 'must',
    title: 'a client that does not declare support for TTLs is sent none',
    async run({ connect, set }) {
      await set({ endpoint: { a: 'a1' } });
      const peer = connect();
      peer.ask('endpoint', { add: ['a'] });
      assert.equal((await peer.next('endpoint')).ttl, false);
    },
  },
];
