// The real server under a raw gRPC client, over any transport: who may have a stream, what it may cost, and what ends it.
import { connect as connectTcp } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from 'vitest';
import { CellwallError } from '../../src/lib/errors.ts';
import type { GrpcTransportName } from '../../src/lib/grpc-call.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { isTypeUrl, typeUrls } from '../../src/xds/resources/type-url.ts';
import { discoveryServices } from '../../src/xds/server/services.ts';
import { createRawXdsClient, type RawXdsClient } from '../support/raw-xds-client.ts';
import { createTestCa, type TestCertificate } from '../support/test-ca.ts';
import { byName, type Fixture, node, nodeKey, snapshotOf, startXds } from './xds-fixture.ts';

const cluster = typeUrls.cluster;
const one = snapshotOf(1, { cluster: { a: 'a1' } });

export function serverContract(transport: GrpcTransportName): void {
  let cleanups: (() => Promise<void> | void)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup();
    cleanups = [];
  });

  async function start(options: Parameters<typeof startXds>[0] = {}): Promise<Fixture> {
    const xds = await startXds({ ...options, transport });
    cleanups.push(() => xds.close());
    return xds;
  }

  function connect(xds: Fixture, tls?: TestCertificate): RawXdsClient {
    const client = createRawXdsClient(xds.port, tls);
    cleanups.push(() => client.close());
    return client;
  }

  async function until(what: string, probe: () => boolean): Promise<void> {
    const end = performance.now() + 10_000;
    while (!probe()) {
      if (performance.now() > end) throw new Error(`not within 10 s: ${what}`);
      await delay(5);
    }
  }

  describe('a stream', () => {
    test('is held until there is a snapshot, then served, and told about', async () => {
      const xds = await start();
      const stream = connect(xds).delta();
      stream.send({ node, typeUrl: cluster });
      await until('connected', () => xds.events.length === 1);
      xds.cache.set(nodeKey, one);
      const response = await stream.next();
      expect(response.resources.map(({ name }) => name)).toEqual(['a']);
      expect(response.typeUrl).toBe(cluster);
      expect(response.resources[0]?.resource?.typeUrl).toBe(cluster);
      expect(response.controlPlane?.identifier).toBe('cellwall');
      stream.send({ typeUrl: cluster, responseNonce: response.nonce });
      await until('acked', () => xds.events.length === 3);
      stream.cancel();
      await until('disconnected', () => xds.events.length === 4);
      expect(xds.events).toMatchObject([
        { kind: 'connected', stream: 1, node: nodeKey, claims: { id: nodeKey, userAgent: 'test' } },
        { kind: 'sent', stream: 1, node: nodeKey, typeUrl: cluster, nonce: response.nonce, resources: 1, revision: 1 },
        { kind: 'acked', stream: 1, node: nodeKey, typeUrl: cluster, nonce: response.nonce, revision: 1 },
        { kind: 'disconnected', stream: 1, node: nodeKey },
      ]);
      expect(xds.server.streams()).toBe(0);
    });

    test('tells a NACK with its message', async () => {
      const xds = await start();
      xds.cache.set(nodeKey, one);
      const stream = connect(xds).sotw();
      stream.send({ node, typeUrl: cluster });
      const { nonce, versionInfo } = await stream.next();
      stream.send({ typeUrl: cluster, responseNonce: nonce, errorDetail: { code: 13, message: 'no such thing' } });
      await until('nacked', () => xds.events.some(({ kind }) => kind === 'nacked'));
      expect(xds.events.at(-1)).toMatchObject({
        kind: 'nacked',
        nonce,
        version: versionInfo,
        message: 'no such thing',
      });
    });

    test('shares a response with those that stand alike, and has none of its nonces twice', async () => {
      const xds = await start();
      xds.cache.set(nodeKey, one);
      const client = connect(xds);
      const nonces: string[][] = [];
      for (const stream of [client.delta(), client.delta(), client.delta()]) {
        const own: string[] = [];
        nonces.push(own);
        stream.send({ node, typeUrl: cluster });
        for (let round = 0; round < 3; round++) {
          const { nonce } = await stream.next();
          own.push(nonce);
          // Asked for again: the same once more.
          stream.send({ typeUrl: cluster, responseNonce: nonce, resourceNamesSubscribe: ['a'] });
        }
      }
      for (const own of nonces) expect(new Set(own).size).toBe(3);
      expect(new Set(nonces.map(([first]) => first)).size).toBe(1);
      expect(xds.server.counters().framesMade).toBeLessThan(9);
    });

    test('of a single-type service serves that type, named or not, and no other', async () => {
      const xds = await start();
      const contents = Object.fromEntries(Object.keys(typeUrls).map((kind) => [kind, { a: 'a1' }]));
      xds.cache.set(nodeKey, snapshotOf(1, contents));
      const client = connect(xds);
      for (const { name, methods, only } of discoveryServices) {
        if (only === undefined) continue;
        for (const [method, variant] of methods) {
          for (const typeUrl of ['', only]) {
            const path = `/${name}/${method}`;
            if (variant === 'sotw') {
              const stream = client.sotw(path);
              stream.send({ node, typeUrl, resourceNames: ['a'] });
              expect((await stream.next()).typeUrl).toBe(only);
            } else {
              const stream = client.delta(path);
              stream.send({ node, typeUrl, resourceNamesSubscribe: ['a'] });
              expect((await stream.next()).typeUrl).toBe(only);
            }
          }
        }
      }
      const wrong = client.delta('/envoy.service.secret.v3.SecretDiscoveryService/DeltaSecrets');
      wrong.send({ node, typeUrl: cluster, resourceNamesSubscribe: ['*'] });
      expect((await wrong.ended).code).toBe(status.INVALID_ARGUMENT);
    });

    test('may ask for a type that is not served, and goes on', async () => {
      const xds = await start();
      xds.cache.set(nodeKey, one);
      const stream = connect(xds).delta();
      const unknown = 'type.googleapis.com/envoy.service.runtime.v3.Runtime';
      expect(isTypeUrl(unknown)).toBe(false);
      stream.send({ node, typeUrl: unknown, resourceNamesSubscribe: ['a'] });
      stream.send({ typeUrl: cluster });
      expect((await stream.next()).typeUrl).toBe(cluster);
    });
  });

  describe('refused', () => {
    const refusals: readonly (readonly [string, object, number, RegExp])[] = [
      ['a first request without a node', { typeUrl: cluster }, status.INVALID_ARGUMENT, /must have a node/],
      ['no type', { node }, status.INVALID_ARGUMENT, /type_url/],
      ['a stranger', { node: { id: 'stranger' }, typeUrl: cluster }, status.PERMISSION_DENIED, /not that of/],
      [
        'a huge node.metadata',
        { node: { id: nodeKey, metadata: { all: 'x'.repeat(70_000) } }, typeUrl: cluster },
        status.RESOURCE_EXHAUSTED,
        /node is larger than 65536 bytes/,
      ],
      [
        'a 1 MB name',
        { node, typeUrl: cluster, resourceNamesSubscribe: ['x'.repeat(1_000_000)] },
        status.RESOURCE_EXHAUSTED,
        /longer than 4096 bytes/,
      ],
      [
        '100,000 names',
        { node, typeUrl: cluster, resourceNamesSubscribe: Array.from({ length: 100_000 }, (_, i) => `n${i}`) },
        status.RESOURCE_EXHAUSTED,
        /more than 10000 resource names/,
      ],
      [
        'a request of over 4 MiB',
        { node, typeUrl: cluster, resourceNamesSubscribe: ['x'.repeat(5_000_000)] },
        status.RESOURCE_EXHAUSTED,
        /larger than max/,
      ],
    ];
    test.each(refusals)('%s', async (_what, request, code, message) => {
      const xds = await start();
      xds.cache.set(nodeKey, one);
      const stream = connect(xds).delta();
      stream.send(request);
      const ended = await stream.ended;
      expect(ended.details).toMatch(message);
      expect(ended.code).toBe(code);
      await until('no stream left', () => xds.server.streams() === 0);
    });

    test('names that add up', async () => {
      const xds = await start({ limits: { names: 10 } });
      const stream = connect(xds).delta();
      for (let i = 0; i < 4; i++) {
        const resourceNamesSubscribe = ['a', 'b', 'c'].map((name) => name + i);
        stream.send({ ...(i === 0 ? { node } : {}), typeUrl: cluster, resourceNamesSubscribe });
      }
      expect((await stream.ended).code).toBe(status.RESOURCE_EXHAUSTED);
    });

    test('a node that changes', async () => {
      const xds = await start();
      xds.cache.set(nodeKey, one);
      const stream = connect(xds).delta();
      stream.send({ node, typeUrl: cluster });
      await stream.next();
      stream.send({ node, typeUrl: typeUrls.secret, resourceNamesSubscribe: ['s'] });
      await stream.next();
      stream.send({ node: { id: 'another' }, typeUrl: cluster });
      expect(await stream.ended).toMatchObject({ code: status.INVALID_ARGUMENT });
    });

    test('what is no request', async () => {
      const xds = await start();
      const stream = connect(xds).delta();
      stream.sendBytes(Buffer.from('ffffffff', 'hex'));
      expect(await stream.ended).toMatchObject({ code: status.INVALID_ARGUMENT });
    });

    test('one stream alone by a fault of ours', async () => {
      const xds = await start({
        authenticate: (peer, claims) => {
          if (claims.id === 'boom') throw new TypeError('a bug');
          return byName(peer, claims);
        },
      });
      xds.cache.set(nodeKey, one);
      const client = connect(xds);
      const good = client.delta();
      good.send({ node, typeUrl: cluster });
      await good.next();
      const bad = client.delta();
      bad.send({ node: { id: 'boom' }, typeUrl: cluster });
      expect(await bad.ended).toMatchObject({ code: status.INTERNAL });
      xds.cache.set(nodeKey, snapshotOf(2, { cluster: { a: 'a2' } }));
      expect((await good.next()).resources).toHaveLength(1);
    });
  });

  test('an observer that fails costs nothing', async () => {
    const xds = await start({
      observe: () => {
        throw new TypeError('a bug');
      },
    });
    xds.cache.set(nodeKey, one);
    const stream = connect(xds).delta();
    stream.send({ node, typeUrl: cluster });
    await stream.next();
    stream.cancel();
    await until('gone', () => xds.server.streams() === 0);
  });

  describe('load', () => {
    test('a burst of changes is one push', async () => {
      const xds = await start();
      xds.cache.set(nodeKey, one);
      const stream = connect(xds).delta();
      stream.send({ node, typeUrl: cluster });
      await stream.next();
      for (let i = 2; i <= 100; i++) xds.cache.set(nodeKey, snapshotOf(i, { cluster: { a: `a${i}` } }));
      expect((await stream.next()).systemVersionInfo).toBe('100');
      expect(xds.events.filter(({ kind }) => kind === 'sent')).toHaveLength(2);
    });

    test('a client that stops reading delays nobody, and gets the newest only', async () => {
      const xds = await start();
      const big = (revision: number) => {
        const name = `r${revision} ${Array.from({ length: 20_000 }, (_, i) => `word${i}`).join(' ')}`;
        return snapshotOf(revision, { cluster: { a: name } });
      };
      xds.cache.set(nodeKey, big(1));
      const slow = connect(xds).delta();
      const quick = connect(xds).delta();
      for (const stream of [slow, quick]) {
        stream.send({ node, typeUrl: cluster });
        await stream.next();
      }
      slow.pause();
      const last = 60;
      for (let revision = 2; revision <= last; revision++) {
        xds.cache.set(nodeKey, big(revision));
        expect((await quick.next()).systemVersionInfo).toBe(String(revision));
      }
      const sentTo = (stream: number) =>
        xds.events.filter((event) => event.kind === 'sent' && event.stream === stream).length;
      expect(sentTo(2)).toBe(last);
      expect(sentTo(1)).toBeLessThan(30);
      slow.resume();
      let newest = '';
      while (newest !== String(last)) newest = (await slow.next()).systemVersionInfo;
      expect(sentTo(1)).toBeLessThan(30);
    });

    test('a storm of streams is admitted at a bounded rate', async () => {
      const xds = await start({ limits: { admittedAtOnce: 5, admittedPerSecond: 100 } });
      xds.cache.set(nodeKey, one);
      const client = connect(xds);
      const began = performance.now();
      const streams = Array.from({ length: 25 }, () => client.delta());
      for (const stream of streams) stream.send({ node, typeUrl: cluster });
      await Promise.all(streams.map((stream) => stream.next()));
      expect(performance.now() - began).toBeGreaterThan(190);
    });

    test('streams that come and go leave nothing behind', async () => {
      const xds = await start();
      xds.cache.set(nodeKey, one);
      const client = connect(xds);
      for (let round = 0; round < 10; round++) {
        const streams = Array.from({ length: 50 }, () => client.delta());
        for (const stream of streams) stream.send({ node, typeUrl: cluster });
        await Promise.all(streams.map((stream) => stream.next()));
        for (const stream of streams) stream.cancel();
      }
      await until('all gone', () => xds.server.streams() === 0);
      const count = (wanted: string) => xds.events.filter(({ kind }) => kind === wanted).length;
      expect(count('disconnected')).toBe(count('connected'));
    });
  });

  describe('the end', () => {
    test('of all streams of a banned node, and of no other', async () => {
      const xds = await start();
      xds.cache.set(nodeKey, one);
      const client = connect(xds);
      const banned = client.delta();
      banned.send({ node, typeUrl: cluster });
      await banned.next();
      const other = client.delta();
      other.send({ node: { id: 'other' }, typeUrl: cluster });
      await until('both', () => xds.events.filter(({ kind }) => kind === 'connected').length === 2);
      expect(xds.server.disconnect(nodeKey, new CellwallError('permission_denied', 'banned'))).toBe(1);
      expect(await banned.ended).toMatchObject({ code: status.PERMISSION_DENIED, details: 'banned' });
      expect(xds.server.streams()).toBe(1);
    });

    test('of the server: streams are told, new ones refused, the port is free', async () => {
      const xds = await start();
      xds.cache.set(nodeKey, one);
      const client = connect(xds);
      const streams = Array.from({ length: 10 }, () => client.delta());
      for (const stream of streams) stream.send({ node, typeUrl: cluster });
      await Promise.all(streams.map((stream) => stream.next()));
      await xds.listener.close(100);
      for (const stream of streams) expect(await stream.ended).toMatchObject({ code: status.UNAVAILABLE });
      const again = await startXds({ transport, address: `127.0.0.1:${xds.port}` });
      await again.close();
    });
  });

  describe('mutual TLS', () => {
    test('is not waited for for long', async () => {
      const ca = await createTestCa('one');
      const { certificate, key } = await ca.issue({ ip: ['127.0.0.1'] });
      const tls = { certificate, key: new Redacted(key), roots: ca.root };
      const xds = await start({ tls, handshakeMs: 50 });
      const silent = connectTcp(xds.port, '127.0.0.1');
      const ended = new Promise<string>((resolve) => silent.once('close', () => resolve('ended')));
      silent.on('error', () => undefined).resume();
      expect(await Promise.race([ended, delay(5000, 'still open', { ref: false })])).toBe('ended');
    });

    test('hands the leaf on; refuses none, and another root; rotates both while it listens', async () => {
      const [ca, otherCa] = await Promise.all([createTestCa('one'), createTestCa('two')]);
      const own = async (from: typeof ca, roots: string) => {
        const { certificate, key } = await from.issue({ ip: ['127.0.0.1'] });
        return { certificate, key: new Redacted(key), roots };
      };
      const seen: (Uint8Array | undefined)[] = [];
      const xds = await start({
        tls: await own(ca, ca.root),
        authenticate: (peer, claims) => {
          seen.push(peer.certificate);
          expect(peer.address).toBe('127.0.0.1');
          return byName(peer, claims);
        },
      });
      xds.cache.set(nodeKey, one);
      const outcome = async (tls: TestCertificate): Promise<string> => {
        const stream = connect(xds, tls).delta();
        stream.send({ node, typeUrl: cluster });
        return Promise.race([
          stream.next().then(() => 'served'),
          stream.ended.then(({ code }) => String(status[code])),
        ]);
      };
      const leaf = await ca.issue({ uri: 'spiffe://td/service/a' });
      const foreign = await otherCa.issue({ uri: 'spiffe://td/service/a' });
      expect(await outcome(leaf)).toBe('served');
      expect(Buffer.from(seen[0] ?? []).toString('base64')).toBe(leaf.certificate.replace(/-----[^-]+-----|\s/g, ''));
      expect(await outcome({ ...foreign, root: ca.root })).toBe('UNAVAILABLE');
      expect(await connect(xds).delta().ended).toMatchObject({ code: status.UNAVAILABLE });

      xds.listener.rotate(await own(otherCa, otherCa.root));
      expect(await outcome(foreign)).toBe('served');
      expect(await outcome({ ...leaf, root: otherCa.root })).toBe('UNAVAILABLE');
      expect(seen).toHaveLength(2);
    });
  });
}
