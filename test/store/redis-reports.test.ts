// What users of other control planes reported about the store that theirs share, tried here: a name behind which a replica is stuck in the
// past (spiffe/spire#7210), a database that takes no more connections (kumahq/kuma#3356), watches that end and are not begun again
// (hashicorp/consul#20642), a database whose content is exchanged as a whole, and namesakes in two namespaces (hashicorp/consul#9024).
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket, type Server as TcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import type { TableChange } from '../../src/lib/table.ts';
import { check } from '../../src/policy/resolve/check.ts';
import { serverAt } from '../../src/store/redis/connection.ts';
import { createRedisStore } from '../../src/store/redis.ts';
import type { Store } from '../../src/store/store.ts';
import { puts } from '../support/documents.ts';
import { eventually } from '../support/eventually.ts';
import { acceptsAll } from '../support/judged.ts';
import { cellText, meshText, serviceText, yaml } from '../support/resolve-text.ts';
import { createServers, follows, type Server } from '../support/valkeys.ts';

const author = 'tester';
const servers = createServers();
let folder: string;
let redis: Server;
let prefix: string;
let open: Store[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-redis-reports-'));
  redis = await servers.start([]);
});
afterAll(async () => {
  await servers.stop();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  [prefix, open] = [`reports-${randomUUID()}`, []];
});
afterEach(async () => {
  for (const store of open) await store.close();
});

async function openStore(port = redis.port, given: { readonly state?: string } = {}): Promise<Store> {
  const store = await createRedisStore({
    ...{ connection: serverAt(new Redacted(`redis://127.0.0.1:${port}`)), prefix, check: acceptsAll },
    ...{ state: given.state ?? mkdtempSync(join(folder, 'state-')), sealKey: new Redacted('key') },
    ...{ log: silentLog, clock: systemClock, pollMs: 200, commandTimeoutMs: 500, settleMs: 300, directMs: 50 },
  });
  open.push(store);
  return store;
}

const cells = (count: number): string =>
  yaml(meshText(), ...Array.from({ length: count }, (_, id) => cellText(`c${id}`, id + 1)));

/** One name for two servers: every new connection goes to the next of them. */
async function balanced(ports: readonly number[]): Promise<{ readonly port: number; next(): void; close(): void }> {
  let turn = 0;
  const sockets = new Set<Socket>();
  const server: TcpServer = createServer((socket) => {
    const upstream = connect(ports[turn++ % ports.length] ?? 0, '127.0.0.1');
    for (const one of [socket, upstream]) {
      sockets.add(one);
      one.on('error', () => {});
      one.on('close', () => {
        sockets.delete(one);
        socket.destroy();
        upstream.destroy();
      });
    }
    socket.pipe(upstream).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const drop = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    next: drop,
    close() {
      drop();
      server.close();
    },
  };
}

it('a replica that is stuck in the past behind the same name takes back no document and no entry', {
  timeout: 90_000,
}, async () => {
  const replica = await servers.start([`replicaof 127.0.0.1 ${redis.port}`]);
  const name = await balanced([redis.port, replica.port]);
  const writer = await openStore();
  await writer.apply(puts(cells(3)), { author });
  await writer.table('nodes').set('early', 1);
  await follows(replica);
  // It goes on answering, with what it had.
  await replica.ask('REPLICAOF', '127.0.0.1', 1);
  await writer.apply(puts(cells(9)), { author });
  await writer.table('nodes').set('late', 1);
  const store = await openStore(name.port);
  const lowest: number[] = [];
  store.watch((event) => event.kind === 'state' && lowest.push(event.state.documents.length));
  await eventually('it has all', async () => store.state()?.documents.length === 10 || undefined, 20_000);
  // Whether a connection leads to the replica is chance: then another is tried after 5 s.
  for (let index = 0; index < 3; index++) {
    name.next();
    await eventually(
      'it can apply',
      () => store.apply(puts(yaml(cellText('c0', 100 + index))), { author }).catch(() => undefined),
      20_000,
    );
    expect(store.state()?.documents).toHaveLength(10);
    expect(await store.table('nodes').get('late')).toBe(1);
  }
  expect(Math.min(10, ...lowest)).toBe(10);
  expect(await replica.ask('HLEN', `${prefix}:accepted`)).toBe(4);
  await eventually(
    'the primary has it',
    async () => String(await redis.ask('HGET', `${prefix}:documents`, 'Cell/c0')).includes('102') || undefined,
  );
  name.close();
});

it('a server that takes no more connections stops nobody, and is used again once it takes some', async () => {
  const state = mkdtempSync(join(folder, 'full-'));
  const first = await openStore(redis.port, { state });
  await first.apply(puts(cells(3)), { author });
  await first.close();
  const [, most] = (await redis.ask('CONFIG', 'GET', 'maxclients')) as readonly string[];
  // Only the test's own.
  await redis.ask('CONFIG', 'SET', 'maxclients', 1);
  const store = await openStore(redis.port, { state });
  expect([store.state()?.documents.length, store.trouble?.()?.kind]).toEqual([4, 'away']);
  await expect(store.apply(puts(cells(4)), { author })).rejects.toMatchObject({ code: 'unavailable' });
  await redis.ask('CONFIG', 'SET', 'maxclients', most ?? '10000');
  await eventually('it applies', () => store.apply(puts(cells(4)), { author }).catch(() => undefined), 20_000);
  expect([store.state()?.documents.length, store.trouble?.()]).toEqual([5, undefined]);
});

it('connections that are killed again and again cost no watcher a change', async () => {
  const [store, other] = [await openStore(), await openStore()];
  await store.apply(puts(cells(1)), { author });
  const heard = new Map<string, unknown>();
  other.table('nodes').watch(({ key, value }: TableChange) => heard.set(key, value));
  let documents = 0;
  other.watch((event) => {
    if (event.kind === 'state') documents = event.state.documents.length;
  });
  for (let index = 0; index < 20; index++) {
    await redis.ask('CLIENT', 'KILL', 'TYPE', index % 2 === 0 ? 'pubsub' : 'normal', 'SKIPME', 'yes');
    await eventually(
      'written',
      () =>
        store
          .table('nodes')
          .set(`n${index}`, index)
          .then(() => true)
          .catch(() => undefined),
      10_000,
    );
  }
  await eventually('applied', () => store.apply(puts(cells(7)), { author }).catch(() => undefined), 10_000);
  await eventually('all was heard', async () => (heard.size === 20 && documents === 8) || undefined, 10_000);
  expect([...heard].every(([key, value]) => key === `n${value}`)).toBe(true);
});

it('a database that is exchanged for an empty one gets everything back, and its return changes nothing', async () => {
  const store = await openStore();
  await store.apply(puts(cells(5)), { author });
  await store.table('nodes').set('host', 1);
  const written = () =>
    eventually(
      'it is written again',
      async () => (await redis.ask('HLEN', `${prefix}:accepted`)) === 7 || undefined,
      20_000,
    );
  await store.apply(puts(cells(6)), { author });
  await redis.ask('SWAPDB', 0, 1);
  await written();
  await eventually(
    'the table, too',
    async () => (await redis.ask('EXISTS', `${prefix}:table:nodes:host`)) === 1 || undefined,
    20_000,
  );
  expect(store.state()?.documents).toHaveLength(7);
  await store.apply(puts(yaml(cellText('c0', 77))), { author });
  const { revision } = store.state() ?? {};
  // The one from before comes back, in which an earlier revision is in force.
  await redis.ask('SWAPDB', 0, 1);
  await eventually(
    'it is as it was',
    async () => String(await redis.ask('HGET', `${prefix}:accepted`, 'Cell/c0')).includes('77') || undefined,
    20_000,
  );
  expect([store.state()?.revision, store.state()?.documents.length]).toEqual([revision, 7]);
});

it('namesakes in two cells, and of no cell, are three documents: an edit of one is none of another', async () => {
  const inCell = (cell: string): string => serviceText(`${cell}/api`);
  const text = yaml(meshText(), cellText('a', 1), cellText('b', 2), serviceText('api'), inCell('a'), inCell('b'));
  const store = await createRedisStore({
    ...{
      connection: serverAt(new Redacted(`redis://127.0.0.1:${redis.port}`)),
      prefix,
      check,
      sealKey: new Redacted('key'),
    },
    ...{ log: silentLog, clock: systemClock, pollMs: 200, directMs: 20 },
  });
  open.push(store);
  await store.apply(puts(text), { author });
  const keys = (): readonly string[] =>
    (store.state()?.documents ?? []).map(({ key }) => key).filter((key) => key.startsWith('Service/'));
  expect(keys()).toEqual(['Service/a/api', 'Service/api', 'Service/b/api']);
  // What belongs to b, under the name of a.
  await redis.ask('HSET', `${prefix}:documents`, 'Service/a/api', yaml(inCell('b')));
  const problem = await eventually('it is refused', async () => store.problems()[0], 10_000);
  expect(problem).toMatchObject({ code: 'wrong-key', hint: expect.stringContaining('put it under Service/b/api') });
  await redis.ask('HDEL', `${prefix}:documents`, 'Service/a/api');
  await eventually('one is gone', async () => keys().length === 2 || undefined, 10_000);
  expect(keys()).toEqual(['Service/api', 'Service/b/api']);
  const { revision } = store.state() ?? {};
  await eventually(
    'nothing goes on',
    async () => (await redis.ask('HGET', `${prefix}:meta`, 'revision')) === String(revision) || undefined,
  );
});
