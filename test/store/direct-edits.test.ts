// Documents that somebody writes into Redis directly: in force, waiting, or refused with their line; and what is no edit but tampering.
import { createHash, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { createSeal, deriveKey } from '../../src/lib/seal.ts';
import { beyondLimits } from '../../src/limits/beyond.ts';
import { limitsOf } from '../../src/limits/limits.ts';
import type { TrafficCount } from '../../src/observe/traffic-count.ts';
import { check } from '../../src/policy/resolve/check.ts';
import { createDirectReview } from '../../src/serve/direct-review.ts';
import { serverAt } from '../../src/store/redis/connection.ts';
import { createRedisStore } from '../../src/store/redis.ts';
import type { Store, StoreEvent } from '../../src/store/store.ts';
import type { WaitingChange } from '../../src/store/waiting-change.ts';
import { keyOf, puts } from '../support/documents.ts';
import { eventually } from '../support/eventually.ts';
import { meshText, policyText, serviceText, yaml } from '../support/resolve-text.ts';
import { startValkey, type Valkey } from '../support/valkey.ts';

const author = 'tester';
const base = yaml(meshText(), serviceText('web'), serviceText('api'), serviceText('other'));
const allow = (from: string, name = 'p'): string =>
  yaml(policyText(name, 'api', 'allow', `[{from: [{service: ${from}}]}]`));
const deny = (from: string, name = 'd'): string =>
  yaml(policyText(name, 'api', 'deny', `[{from: [{service: ${from}}]}]`));
const [p, d] = ['AuthorizationPolicy/p', 'AuthorizationPolicy/d'];

let valkey: Valkey;
let redis: Redis;
let prefix: string;
let folder: string;
let open: Store[];
let calls: TrafficCount[];

async function openStore(
  given: { readonly state?: string; readonly settleMs?: number; readonly sealKey?: string } = {},
): Promise<Store> {
  const review = createDirectReview(systemClock);
  const store = await createRedisStore({
    ...{ connection: serverAt(new Redacted(valkey.url)), prefix, check, review },
    ...{ log: silentLog, clock: systemClock, pollMs: 500, directMs: 20, settleMs: given.settleMs ?? 50 },
    sealKey: new Redacted(given.sealKey ?? 'key'),
    ...(given.state === undefined ? {} : { state: given.state }),
  });
  review.attach({
    traffic: { counts: () => calls },
    beyond: (before, after) => beyondLimits(before, after, limitsOf()),
  });
  open.push(store);
  return store;
}

const started = async (text = base): Promise<Store> => {
  const store = await openStore({ state: folder });
  await store.apply(puts(text), { author });
  return store;
};
const write = (key: string, text: string): Promise<unknown> => redis.hset(`${prefix}:documents`, key, text);
const remove = (key: string): Promise<unknown> => redis.hdel(`${prefix}:documents`, key);
const documentThere = (key: string): Promise<string | null> => redis.hget(`${prefix}:documents`, key);
const inForce = (store: Store, key: string): string | undefined =>
  store.state()?.documents.find((document) => document.key === key)?.text;
const until = <T>(what: string, find: () => T | undefined): Promise<T> => eventually(what, async () => find(), 10_000);
const waits = (store: Store, key: string): Promise<WaitingChange> =>
  until(`${key} waits`, () =>
    store.direct?.waiting().find(({ changes }) => changes.some((change) => change.key === key)),
  );
const approve = (store: Store, { changes }: WaitingChange) =>
  store.apply(
    changes.map(({ key, after }) => (after === undefined ? { op: 'delete', key } : { op: 'put', key, text: after })),
    { author: 'direct edit', mark: { approvedBy: 'ann' }, direct: new Set(changes.map(({ key }) => key)) },
  );

beforeAll(async () => {
  valkey = await startValkey(['--loglevel', 'warning']);
  redis = new Redis(valkey.url);
});
beforeEach(() => {
  [open, calls] = [[], []];
  prefix = `direct-${randomUUID()}`;
  folder = mkdtempSync(join(tmpdir(), 'cellwall-direct-'));
});
afterEach(async () => {
  for (const store of open) await store.close();
  rmSync(folder, { recursive: true });
});
afterAll(async () => {
  redis.disconnect();
  await valkey.stop();
});

describe('an edit', () => {
  it('that only denies more is in force within a second, under its author, on every replica', async () => {
    const [store, other] = [await started(), await openStore()];
    const events: StoreEvent[] = [];
    store.watch((event) => events.push(event));
    const startedAt = performance.now();
    await write(d, deny('other'));
    await until('it is in force', () => inForce(store, d));
    expect(performance.now() - startedAt).toBeLessThan(1000);
    await until('it is in force there', () => inForce(other, d));
    expect([store.state()?.revision, store.problems(), store.direct?.waiting()]).toEqual([2, [], []]);
    expect(other.state()?.revision).toBe(2);
    await until(
      'history',
      async () => ((await store.history())[0]?.author === 'direct edit' ? true : undefined) as never,
    );
    expect((await store.history())[0]).toMatchObject({ revision: 2, author: 'direct edit', changes: [{ key: d }] });
    expect(await redis.hget(`${prefix}:accepted`, d)).toBe(deny('other'));
  });

  it('that is not valid is refused with its key and line; the rest of it, and what was in force, stay', async () => {
    const store = await started(
      yaml(
        ...[meshText(), serviceText('web'), serviceText('api'), serviceText('other')],
        policyText('d', 'api', 'deny', '[{from: [{service: web}]}]'),
      ),
    );
    await redis.hset(
      `${prefix}:documents`,
      ...[
        d,
        `${deny('web')}bogus: 1\n`,
        'AuthorizationPolicy/e',
        deny('other', 'e'),
        p,
        allow('nobody'),
        'junk',
        '\u0000: [',
      ],
    );
    await until('the rest is in force', () => inForce(store, 'AuthorizationPolicy/e'));
    expect(inForce(store, d)).toBe(deny('web'));
    expect(store.problems().map(({ source, code }) => [source.file, source.line, code])).toEqual(
      expect.arrayContaining([
        [d, 5, 'unknown-field'],
        [p, 4, 'unknown-service'],
        ['junk', 1, expect.any(String)],
      ]),
    );
    await write(d, deny('web'));
    await remove(p);
    await remove('junk');
    await until('no problems', () => (store.problems().length === 0 ? true : undefined));
  });

  it('that was refused is replaced by an apply of what is in force, which says so; what waits is not', async () => {
    const good = `${base}---\n${deny('web')}`;
    const store = await started(good);
    const events: StoreEvent[] = [];
    store.watch((event) => events.push(event));
    const refusedOf = (key: string) =>
      until(`${key} is refused`, () => store.problems().find(({ source }) => source.file === key));
    await write(p, allow('web'));
    await waits(store, p);
    await write(d, `${deny('web')}bogus: 1\n`);
    await refusedOf(d);
    expect(await store.apply(puts(good), { author })).toMatchObject({ kind: 'unchanged', revision: 1, restored: [d] });
    expect([await documentThere(d), await documentThere(p)]).toEqual([deny('web'), allow('web')]);
    expect(events).toContainEqual({ kind: 'superseded', keys: [d], author });
    expect([store.problems(), store.direct?.waiting().length]).toEqual([[], 1]);
    // What others refer to is gone; what was never in force does not parse; and something else is changed at the same time.
    await remove('Service/api');
    await write('AuthorizationPolicy/x', 'junk');
    await refusedOf('AuthorizationPolicy/x');
    await refusedOf('Service/api');
    const changes = [...puts(good), ...puts(yaml(serviceText('new')))];
    const result = await store.apply([...changes, { op: 'delete', key: keyOf('AuthorizationPolicy/x') }], { author });
    expect(result).toMatchObject({ kind: 'applied', revision: 2, changed: ['Service/new'] });
    expect(new Set(result.kind === 'applied' ? result.restored : [])).toEqual(
      new Set(['Service/api', 'AuthorizationPolicy/x']),
    );
    expect(await documentThere('Service/api')).toContain('kind: Service');
    expect(await documentThere('AuthorizationPolicy/x')).toBeNull();
    expect(await store.apply(puts(good), { author })).toEqual(
      expect.not.objectContaining({ restored: expect.anything() }),
    );
    expect(await documentThere(p)).toBe(allow('web'));
  });

  it('that widens waits, and is in force when it is approved; not what is written after it was looked at', async () => {
    const store = await started();
    await write(p, allow('web'));
    const waiting = await waits(store, p);
    expect(waiting).toMatchObject({
      origin: 'direct',
      author: 'direct edit',
      reasons: [expect.stringContaining('would let in callers')],
    });
    expect(inForce(store, p)).toBeUndefined();
    // Somebody widens it more, between the look and the approval.
    await write(p, allow('other'));
    expect(await approve(store, waiting)).toMatchObject({ kind: 'applied', revision: 2 });
    expect(inForce(store, p)).toBe(allow('web'));
    const next = await waits(store, p);
    expect(next.rev).not.toBe(waiting.rev);
    expect(await documentThere(p)).toBe(allow('other'));
    expect(inForce(store, p)).toBe(allow('web'));
  });

  it('that cuts off callers who were seen waits; the same for callers who were not is in force', async () => {
    const store = await started(
      yaml(
        ...[meshText(), serviceText('web'), serviceText('api'), serviceText('other')],
        policyText('p', 'api', 'allow', '[{from: [{service: web}, {service: other}]}]'),
      ),
    );
    const call = { service: 'api', caller: 'mtls', method: 'GET', decision: 'allowed', count: 3 } as const;
    calls = [
      { ...call, principal: 'spiffe://td1/service/web', path: { kind: 'exact', path: '/x' }, lastSeen: Date.now() },
    ] as TrafficCount[];
    await write(d, deny('other'));
    await until('in force', () => inForce(store, d));
    await write('AuthorizationPolicy/e', deny('web', 'e'));
    const waiting = await waits(store, 'AuthorizationPolicy/e');
    expect(waiting.reasons).toEqual([
      'spiffe://td1/service/web would be cut off from api (GET /x): seen in the last 7 days',
    ]);
  });

  it('that deletes many waits as a whole: not one deletion after the other comes into force', async () => {
    const names = Array.from({ length: 12 }, (_, index) => `p-${index}`);
    const store = await started(
      yaml(
        ...[meshText(), serviceText('web'), serviceText('api'), serviceText('other')],
        ...['p', ...names].map((name) => policyText(name, 'api', 'allow', '[{from: [{service: web}]}]')),
      ),
    );
    const keys = names.map((name) => `AuthorizationPolicy/${name}`);
    await redis.hdel(`${prefix}:documents`, ...keys);
    const all = await until('all wait', () =>
      store.direct?.waiting().length === 12 ? store.direct.waiting() : undefined,
    );
    expect(all[0]?.reasons.join()).toContain('12 of 17 documents would be deleted at once');
    expect([store.state()?.revision, store.state()?.documents.length]).toEqual([1, 17]);
    expect(await approve(store, { ...(all[0] as WaitingChange), changes: all.flatMap((one) => one.changes) })).toEqual(
      expect.objectContaining({ kind: 'applied', revision: 2 }),
    );
    expect(store.state()?.documents).toHaveLength(5);
  });

  it('that waited goes on waiting until it is approved itself: not when others are, nor when its reason is gone', async () => {
    const names = Array.from({ length: 14 }, (_, index) => `p-${index}`);
    const texts = names.map((name) => policyText(name, 'api', 'allow', '[{from: [{service: web}]}]'));
    const store = await started(
      yaml(meshText(), serviceText('web'), serviceText('api'), serviceText('other'), ...texts),
    );
    await redis.hdel(`${prefix}:documents`, ...names.slice(0, 12).map((name) => `AuthorizationPolicy/${name}`));
    const all = await until('all wait', () => {
      const waiting = store.direct?.waiting();
      return waiting?.length === 12 ? waiting : undefined;
    });
    // Eleven, ten, nine are left: so many may be deleted without a word, but these were said to wait.
    for (const one of all.slice(0, 3)) expect(await approve(store, one)).toMatchObject({ kind: 'applied' });
    await write(d, deny('other'));
    await until('the denial', () => inForce(store, d));
    expect(store.direct?.waiting()).toHaveLength(9);
    expect(store.state()?.documents).toHaveLength(4 + 14 - 3 + 1);
    // Under the names that somebody has looked at.
    const left = all.slice(3);
    expect(new Set(store.direct?.waiting().map(({ changes }) => changes[0]?.key))).toEqual(
      new Set(left.map(({ changes }) => changes[0]?.key)),
    );
    await store.direct?.reject(store.direct.waiting());
    await until('nothing waits', () => (store.direct?.waiting().length === 0 ? true : undefined));
    expect(store.state()?.documents).toHaveLength(4 + 14 - 3 + 1);
  });

  it('of several documents: what is harmless goes first, what waits may need what waits, and both are approved together', async () => {
    const store = await started();
    await redis.hset(
      `${prefix}:documents`,
      ...[
        'Service/new',
        yaml(serviceText('new', 'http1', ', mtls: {mode: permissive}')),
        p,
        yaml(policyText('p', 'new', 'allow', '[{from: [{service: web}]}]')),
        d,
        deny('web'),
      ],
    );
    await until('the denial', () => inForce(store, d));
    const [service, policy] = [await waits(store, 'Service/new'), await waits(store, p)];
    expect(policy.reasons[0]).toContain('it needs others');
    expect(await approve(store, policy)).toMatchObject({ kind: 'invalid' });
    expect(await approve(store, { ...service, changes: [...service.changes, ...policy.changes] })).toMatchObject({
      kind: 'applied',
    });
    await until('nothing waits', () => (store.direct?.waiting().length === 0 ? true : undefined));
  });

  it('that removes a document with rights, or one that others need, is not in force: it waits, or says who needs it', async () => {
    const store = await started(
      yaml(
        ...[meshText(), serviceText('web'), serviceText('api'), serviceText('gone')],
        policyText('p', 'api', 'allow', '[{from: [{service: web}]}]'),
      ),
    );
    await remove('Service/gone');
    expect((await waits(store, 'Service/gone')).reasons).toContainEqual(
      expect.stringContaining('would not exist any more'),
    );
    await remove('Service/web');
    await until('refused', () => store.problems().find(({ source }) => source.file === 'Service/web'));
    expect(store.problems()[0]?.message).toMatch(/^removed in Redis, and not in force: AuthorizationPolicy\/p:4:\d+: /);
    await remove('Mesh/mesh');
    await until('refused', () => store.problems().find(({ source }) => source.file === 'Mesh/mesh'));
    expect(store.state()?.documents).toHaveLength(5);
  });

  it('that is rejected is gone from Redis; not one that was written in the meantime', async () => {
    const store = await started(
      yaml(
        ...[meshText(), serviceText('web'), serviceText('api'), serviceText('other')],
        policyText('p', 'api', 'allow', '[{from: [{service: web}]}]'),
      ),
    );
    await write(p, allow('other'));
    const waiting = await waits(store, p);
    await write(p, `${allow('other')}# later\n`);
    await expect(store.direct?.reject([waiting])).rejects.toMatchObject({ code: 'aborted' });
    const later = await until('the later one', () => store.direct?.waiting().find(({ rev }) => rev !== waiting.rev));
    await store.direct?.reject([later]);
    expect(await documentThere(p)).toBe(allow('web'));
    expect(store.direct?.waiting()).toEqual([]);
  });

  it('that waits is written over by an apply of the same document, which is told; those of others stay', async () => {
    const store = await started();
    const events: StoreEvent[] = [];
    store.watch((event) => events.push(event));
    await write(p, allow('web'));
    await write('AuthorizationPolicy/q', allow('other', 'q'));
    await waits(store, p);
    await waits(store, 'AuthorizationPolicy/q');
    await store.apply(puts(deny('web', 'p')), { author });
    expect(events).toContainEqual({ kind: 'superseded', keys: [p], author });
    expect(await documentThere(p)).toBe(deny('web', 'p'));
    await until('one waits', () => (store.direct?.waiting().length === 1 ? true : undefined));
    expect(await documentThere('AuthorizationPolicy/q')).toBe(allow('other', 'q'));
  });

  it('made while nobody ran is judged at the start', async () => {
    const store = await started();
    await store.close();
    await write(d, deny('other'));
    await write(p, allow('web'));
    const again = await openStore({ state: folder });
    await until('the denial', () => inForce(again, d));
    await waits(again, p);
    expect(inForce(again, p)).toBeUndefined();
  });

  it('in a race with applies of others and with an approval loses nothing and mixes nothing', async () => {
    const [store, other] = [await started(), await openStore()];
    await write(p, allow('web'));
    const waiting = await waits(store, p);
    await Promise.all([
      ...Array.from({ length: 8 }, (_, index) =>
        (index % 2 === 0 ? store : other).apply(puts(yaml(serviceText(`s-${index}`))), { author }),
      ),
      ...Array.from({ length: 8 }, (_, index) => write(`AuthorizationPolicy/d-${index}`, deny('other', `d-${index}`))),
      approve(store, waiting),
    ]);
    await until('all is in force on both', () =>
      [store, other].every(
        (one) => one.state()?.documents.length === 4 + 8 + 8 + 1 && one.state()?.revision === store.state()?.revision,
      )
        ? true
        : undefined,
    );
    expect(inForce(other, p)).toBe(allow('web'));
    expect([store.problems(), store.direct?.waiting()]).toEqual([[], []]);
  });
});

describe('what is no edit', () => {
  it('a sealed state, or an entry of a table, of another prefix with the same key is nothing here', async () => {
    const store = await started(`${base}---\n${allow('web')}`);
    await store.table('nodes').set('host', { admitted: true });
    const from = prefix;
    prefix = `direct-${randomUUID()}`;
    for (const key of await redis.keys(`${from}:*`)) {
      await redis.restore(`${prefix}${key.slice(from.length)}`, 0, (await redis.dumpBuffer(key)) ?? '', 'REPLACE');
    }
    const other = await openStore();
    await waits(other, p);
    expect([other.state(), await other.table('nodes').get('host')]).toEqual([undefined, undefined]);
    expect(other.problems()).toMatchObject([{ code: 'store-forged' }]);
    // Under its own it is what it was.
    prefix = from;
    const again = await openStore();
    expect(inForce(again, p)).toBe(allow('web'));
    expect(await again.table('nodes').get('host')).toEqual({ admitted: true });
  });

  const forged = (texts: readonly (readonly [string, string])[]): string =>
    createHash('sha256').update(JSON.stringify(texts)).digest('hex');

  it('a forged accepted state, with whatever digest, is not in force, is told, and is written again as it was', async () => {
    const store = await started();
    const evil = allow('web');
    await redis.hset(`${prefix}:accepted`, p, evil);
    await redis.hset(`${prefix}:documents`, p, evil);
    const texts = Object.entries(await redis.hgetall(`${prefix}:accepted`)).sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [index, digest] of [
      forged(texts),
      createSeal(new Redacted('guess')).of(['cellwall-state', texts]),
      '',
    ].entries()) {
      await redis.hset(`${prefix}:meta`, 'revision', String(7 + index), 'digest', digest);
      await until('told', () =>
        store.problems().find(({ code }) => code === 'store-forged' || code === 'store-went-back'),
      );
      expect(inForce(store, p)).toBeUndefined();
      await until('mended', () => (store.problems().length === 0 ? true : undefined));
      // The document is an edit as any other.
      await waits(store, p);
    }
    expect(await redis.hget(`${prefix}:accepted`, p)).toBeNull();
  });

  it('an older state with its own seal does not come back, running or over a restart, nor do its documents', async () => {
    const store = await started(`${base}---\n${allow('web')}`);
    const keys = ['epoch', 'meta', 'documents', 'accepted'].map((name) => `${prefix}:${name}`);
    const old = await Promise.all(keys.map(async (key) => [key, await redis.dumpBuffer(key)] as const));
    await store.apply(puts(deny('web', 'p')), { author });
    const restore = async () => {
      for (const [key, dump] of old) await redis.restore(key, 0, dump ?? '', 'REPLACE');
    };
    const events: StoreEvent[] = [];
    store.watch((event) => events.push(event));
    await restore();
    await until('written again', () => events.find(({ kind }) => kind === 'restored'));
    expect(inForce(store, p)).toBe(deny('web', 'p'));
    expect(await documentThere(p)).toBe(deny('web', 'p'));
    await store.close();
    await restore();
    const again = await openStore({ state: folder });
    expect(inForce(again, p)).toBe(deny('web', 'p'));
    await until('well again', () => (again.problems().length === 0 ? true : undefined));
    expect(await documentThere(p)).toBe(deny('web', 'p'));
    // Only its document: that is an edit, and it widens.
    await write(p, allow('web'));
    await waits(again, p);
  });

  it('a host that takes over a Redis that was edited by hand can apply, and edit, again', async () => {
    const store = await started();
    await write(p, allow('web'));
    await waits(store, p);
    await store.close();
    // It has the key, and knows nothing.
    const other = await openStore();
    expect(inForce(other, 'Service/api')).toBeDefined();
    await waits(other, p);
    expect(await other.apply(puts(deny('web')), { author })).toMatchObject({ kind: 'applied', revision: 2 });
    expect(inForce(other, p)).toBeUndefined();
    await other.close();
    // The accepted state is not its own: all of it waits for somebody who knows.
    const stranger = await openStore({ sealKey: 'another' });
    expect(stranger.state()).toBeUndefined();
    const all = await until('all wait', () =>
      stranger.direct?.waiting().length === 6 ? stranger.direct.waiting() : undefined,
    );
    expect(stranger.problems()).toMatchObject([{ code: 'store-forged' }]);
    const changes = all.flatMap((one) => one.changes);
    expect(await approve(stranger, { ...(all[0] as WaitingChange), changes })).toMatchObject({ kind: 'applied' });
    expect([stranger.problems(), stranger.state()?.documents.length]).toEqual([[], 6]);
    expect(await stranger.apply(puts(deny('other', 'd2')), { author })).toMatchObject({ kind: 'applied' });
  });

  it('what an earlier version sealed, in one copy, is sealed anew at the first start; without a seal it waits', async () => {
    const texts = Object.fromEntries(
      puts(base).flatMap((change) => (change.op === 'put' ? [[change.key, change.text]] : [])),
    );
    const sorted = Object.entries(texts).sort(([a], [b]) => (a < b ? -1 : 1));
    await redis.set(`${prefix}:epoch`, 'epoch');
    await redis.hset(`${prefix}:documents`, texts);
    const old = createSeal(deriveKey(new Redacted('key'), `cellwall store at ${prefix}`)).of([
      'redis-state',
      'epoch',
      5,
      false,
      sorted,
    ]);
    await redis.hset(`${prefix}:meta`, 'revision', '5', 'digest', old, 'urgent', '0');
    const store = await openStore({ state: folder });
    expect(store.state()).toMatchObject({ revision: 5, documents: [{}, {}, {}, {}] });
    expect(await redis.hlen(`${prefix}:accepted`)).toBe(4);
    expect(await redis.hget(`${prefix}:meta`, 'digest')).not.toBe(old);
    await write(d, deny('web'));
    await until('an edit', () => inForce(store, d));
    await store.close();
    // As before there were seals: known from the disk, it is sealed; unknown, it waits.
    const unsealed = async () => {
      await redis.del(`${prefix}:accepted`);
      await redis.hset(`${prefix}:meta`, 'digest', forged(Object.entries(await redis.hgetall(`${prefix}:documents`))));
    };
    await unsealed();
    const known = await openStore({ state: folder });
    await until('sealed', () => (known.problems().length === 0 ? true : undefined));
    expect([known.state()?.revision, await redis.hlen(`${prefix}:accepted`)]).toEqual([6, 5]);
    await known.close();
    await unsealed();
    const unknown = await openStore();
    await until('waiting', () => (unknown.direct?.waiting().length === 5 ? true : undefined));
    expect(unknown.state()).toBeUndefined();
  });

  it('documents written before anybody applied any wait, and are refused where they are not valid', async () => {
    await redis.hset(
      `${prefix}:documents`,
      ...puts(base).flatMap((change) => (change.op === 'put' ? [change.key, change.text] : [])),
    );
    await write('Service/bad', 'kind: Service\n');
    const store = await openStore({ state: folder });
    const all = await until('waiting', () =>
      store.direct?.waiting().length === 4 ? store.direct.waiting() : undefined,
    );
    expect(store.problems()[0]).toMatchObject({ source: { file: 'Service/bad', line: 1 } });
    const changes = all.flatMap((one) => one.changes);
    expect(await approve(store, { ...(all[0] as WaitingChange), changes })).toMatchObject({
      kind: 'applied',
      revision: 1,
    });
    expect(store.state()?.documents.map(({ key }) => key)).toContain(keyOf('Service/api'));
  });

  it('edits without end do not push what operators did out of the history', async () => {
    const store = await started();
    for (let round = 0; round < 60; round++) {
      await write(d, `${deny('web')}# ${round}\n`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    await until('some are in force', () => inForce(store, d));
    expect(store.state()?.revision).toBeLessThanOrEqual(1 + 22);
    expect((await store.history()).at(-1)).toMatchObject({ revision: 1, author });
  });

  it('odd keys and bytes, many at once, and a name that is grown all the time, cost a limited time', async () => {
    const store = await started();
    const odd = Array.from({ length: 300 }, (_, index) => [
      `Service/odd-${index}\u001b[31m\r\n`,
      `kind: ${'x'.repeat(index)}\n`,
    ]).flat();
    await redis.hset(`${prefix}:documents`, ...odd);
    await until('refused', () => (store.problems().length > 0 ? true : undefined));
    expect(store.problems().length).toBeLessThanOrEqual(100);
    for (let round = 0; round < 30; round++) await write('Service/grown', `kind: Service\n${'# \n'.repeat(round)}`);
    expect(await store.apply(puts(deny('web')), { author })).toMatchObject({ kind: 'applied' });
    expect(inForce(store, d)).toBe(deny('web'));
  });
});
