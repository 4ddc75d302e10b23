// R, who can write to Redis: documents, their digests, older states, join tokens and their marks, node keys, leases, records, wrong
// types. None of it is in force, none of it revives what is spent or gone, all of it is told and in the audit log.
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { figure } from '../../support/figure.ts';
import { policyText, serviceText, yaml } from '../../support/resolve-text.ts';
import { type RedisWall, startRedisWall } from './redis-wall.ts';

const base = yaml(
  'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: strict}}',
  serviceText('api'),
  serviceText('web'),
);
const allow = policyText('p', 'api', 'allow', '[{from: [{service: web}]}]');
const deny = policyText('p', 'api', 'deny', '[{from: [{everyone: true}]}]');
const evil = yaml(policyText('p', 'api', 'allow', '[{from: [{everyone: true}]}]'));
const [documentsKey, metaKey, epochKey] = ['cellwall:documents', 'cellwall:meta', 'cellwall:epoch'];

let wall: RedisWall;

const news = () => wall.redis.publish('cellwall:changes', '1');
const problem = (code: string) =>
  eventually(
    `the problem ${code}`,
    async () => {
      await news();
      return (await wall.admin.status()).problems.find((found) => found.code === code);
    },
    45_000,
  );
const audited = async (): Promise<readonly string[]> =>
  (await wall.admin.audit()).records.map(({ event }) => JSON.stringify(event));
/** As every version before sealed ones: equal on every replica, and anybody's to make. */
function digestOf(texts: Readonly<Record<string, string>>): string {
  const sorted = Object.entries(texts).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(sorted)).digest('hex');
}

beforeEach(async () => {
  wall = await startRedisWall(base);
}, 30_000);
afterEach(() => wall.stop());

describe('documents', () => {
  it.each([
    ['added', { 'AuthorizationPolicy/p': evil }, 'would let in callers'],
    [
      'changed',
      { 'Service/api': yaml(serviceText('api', 'http1', ', mtls: {mode: permissive}')) },
      'more than who may call',
    ],
    ['removed', { 'Service/web': undefined }, 'would not exist any more'],
  ])(
    '%s so that more is allowed, or a host is out, are not in force: they wait, in the audit log',
    async (what, changes, why) => {
      const before = await wall.inForce();
      const [[key = '', text] = []] = Object.entries(changes);
      if (text === undefined) await wall.redis.hdel(documentsKey, key);
      else await wall.redis.hset(documentsKey, key, text);
      const waiting = await eventually('it waits', async () => (await wall.admin.waiting()).waiting[0], 45_000);
      expect(waiting).toMatchObject({ origin: 'direct', author: 'direct edit', changes: [{ key }] });
      expect(waiting.reasons.join(), what).toContain(why);
      expect(await wall.inForce()).toEqual(before);
      await eventually('audited', async () =>
        (await audited()).find((event) => /change-waits/.test(event) && event.includes(key)),
      );
      expect((await wall.admin.status()).waiting).toBe(1);
      await wall.restart();
      expect(await wall.inForce()).toEqual(before);
      // An operator does not want it: what is in force stands there again.
      await eventually('it waits', async () => (await wall.admin.waiting()).waiting[0], 45_000);
      await wall.admin.reject({ revs: [waiting.rev] });
      expect(await wall.redis.hget(documentsKey, key)).toBe(await wall.redis.hget('cellwall:accepted', key));
      await wall.apply(yaml(deny));
      expect((await wall.admin.status()).problems).toEqual([]);
      expect([...(await wall.inForce()).keys()].sort()).toEqual(['AuthorizationPolicy/p', ...before.keys()].sort());
    },
  );

  it('with digests of his own, and in the place of what was accepted, are not in force, and are put right', async () => {
    const before = await wall.inForce();
    for (const hash of [documentsKey, 'cellwall:accepted']) await wall.redis.hset(hash, 'AuthorizationPolicy/p', evil);
    const revision = Number(await wall.redis.hget(metaKey, 'revision')) + 1;
    const digest = digestOf(await wall.redis.hgetall(documentsKey));
    await wall.redis.hset(metaKey, 'revision', String(revision), 'digest', digest);
    await problem('store-forged');
    expect(await wall.inForce()).toEqual(before);
    expect(await audited()).toContainEqual(expect.stringMatching(/store-refused.*store-forged/));
    await eventually(
      'put right',
      async () => ((await wall.admin.status()).problems.length === 0 ? true : undefined),
      45_000,
    );
    expect(await wall.redis.hget('cellwall:accepted', 'AuthorizationPolicy/p')).toBeNull();
    expect(await wall.inForce()).toEqual(before);
  });

  it('of an older state, sealed by us, do not come back: running, over a restart, or with another revision written to them', async () => {
    await wall.apply(yaml(allow));
    const old = await wall.dump();
    await wall.apply(yaml(deny));
    const before = await wall.inForce();
    await wall.restore(old);
    await problem('store-went-back');
    expect(await wall.inForce()).toEqual(before);
    await wall.restart(() => wall.restore(old));
    expect(await wall.inForce()).toEqual(before);
    await wall.redis.hset(metaKey, 'revision', '99');
    await problem('store-forged');
    expect(await wall.inForce()).toEqual(before);
    expect((await audited()).join()).toContain('store-went-back');
    // Forward again, and higher than both.
    await wall.apply(yaml(serviceText('more')));
    expect((await wall.inForce()).get('AuthorizationPolicy/p')).toContain('deny');
  });

  it('whatever stands in their place: nothing, other types, huge ones, odd numbers', async () => {
    await wall.apply(yaml(deny));
    const before = await wall.inForce();
    const attacks: readonly (readonly [string, () => Promise<unknown>])[] = [
      ['store-emptied', () => wall.redis.flushall()],
      ['store-unreadable', () => wall.redis.flushall().then(() => wall.redis.set(documentsKey, 'text'))],
      ['store-replaced', () => wall.redis.flushall().then(() => wall.redis.set(epochKey, 'other'))],
      [
        'store-unreadable',
        async () => {
          await wall.redis.flushall();
          await wall.redis.set(epochKey, 'other');
          for (let index = 0; index < 17; index++)
            await wall.redis.hset(documentsKey, `k${index}`, 'x'.repeat(4 << 20));
        },
      ],
    ];
    for (const [code, attack] of attacks) {
      await attack();
      await problem(code);
      expect(await wall.inForce(), code).toEqual(before);
    }
    await wall.redis.flushall();
    await problem('store-emptied');
    await wall.redis.hset(metaKey, 'revision', 'not a number');
    await problem('store-emptied');
    await wall.apply(yaml(serviceText('more')));
    expect((await wall.inForce()).size).toBe(before.size + 1);
    await wall.restart();
    expect((await wall.inForce()).size).toBe(before.size + 1);
  });
});

it('control: the same texts are in force when a control plane with the key writes them', async () => {
  await wall.applyAsPeer(evil);
  await eventually('in force', async () => (await wall.inForce()).has('AuthorizationPolicy/p') || undefined);
});

describe('identities', () => {
  it('a join token that was spent stays spent, whatever of it is deleted or put back', async () => {
    const { token } = await wall.admin.createToken({ service: 'api' });
    const fresh = await wall.dump();
    expect(await wall.join(token, 'first')).toMatchObject({ spiffeId: 'spiffe://td1/service/api' });
    const refused = async (name: string): Promise<void> => {
      await expect(wall.join(token, name), name).rejects.toMatchObject({ code: 'unauthenticated' });
    };
    const marks = await wall.redis.keys('cellwall:table:join-tokens:use:*');
    expect(marks).toHaveLength(1);
    await wall.redis.del(...marks);
    await refused('marks deleted');
    const all = await wall.redis.keys('cellwall:table:*');
    await wall.redis.del(...all.filter((key) => !key.includes('authority')));
    await refused('all entries deleted');
    await wall.restore(fresh);
    await refused('the state before it was spent');
    await wall.restart(() => wall.restore(fresh));
    await refused('the same over a restart');
    // The node that joined is still known, and needs no token.
    expect(await wall.join('', 'first').catch((reason: unknown) => reason)).toMatchObject({
      spiffeId: 'spiffe://td1/service/api',
    });
    figure('revivedTokens', 0);
  });

  it('a host that was evicted stays so, whatever of it is deleted or put back, and whenever the control plane restarts', async () => {
    const token = async (): Promise<string> => (await wall.admin.createToken({ service: 'api' })).token;
    expect(await wall.join(await token(), 'evicted')).toMatchObject({ spiffeId: 'spiffe://td1/service/api' });
    const [evicted] = (await wall.admin.hosts()).hosts;
    if (evicted === undefined) throw new Error('no host joined');
    await wall.join(await token(), 'stays');
    const joined = await wall.dump();
    await wall.admin.evict(evicted.nodeKey);
    const refused = async (when: string): Promise<void> => {
      expect(await wall.renew('evicted'), when).toEqual(['failed_precondition', 'failed_precondition']);
      expect(
        (await wall.admin.hosts()).hosts.map(({ nodeKey }) => nodeKey),
        when,
      ).not.toContain(evicted.nodeKey);
    };
    await refused('nothing deleted');
    const remove = async (pattern: string): Promise<void> => {
      const keys = await wall.redis.keys(pattern);
      expect(keys, pattern).not.toEqual([]);
      await wall.redis.del(...keys);
    };
    const attacks: readonly (readonly [string, () => Promise<unknown>])[] = [
      ['its mark deleted', () => remove('cellwall:table:evicted-nodes:*')],
      ['the state before it was evicted', () => wall.restore(joined)],
      ['the nodes deleted as well', () => remove('cellwall:table:nodes:*')],
      ['a mark that is none', () => wall.redis.set(`cellwall:table:evicted-nodes:${evicted.nodeKey}`, '0')],
      ['everything deleted', () => wall.redis.flushall()],
    ];
    for (const [what, attack] of attacks) {
      await wall.restart(async () => void (await attack()));
      await refused(what);
    }
    // The control: its sibling, of the same identity, renews through all of it.
    expect(await wall.renew('stays')).toEqual(['taken', 'taken']);
    figure('revivedHosts', 0);
  }, 60_000);

  it('a host that was evicted while he makes Redis refuse writes is out at once, and after every restart', async () => {
    const { token } = await wall.admin.createToken({ service: 'api' });
    await wall.join((await wall.admin.createToken({ service: 'api' })).token, 'stays');
    const [sibling] = (await wall.admin.hosts()).hosts;
    await wall.join(token, 'unwritten');
    const host = (await wall.admin.hosts()).hosts.find(({ nodeKey }) => nodeKey !== sibling?.nodeKey);
    if (host === undefined) throw new Error('no host joined');
    const joined = await wall.dump();
    await wall.redis.config('SET', 'min-replicas-to-write', '1');
    // The operator is told that it is not everywhere, and what to do.
    await expect(wall.admin.evict(host.nodeKey)).rejects.toMatchObject({
      message: expect.stringContaining('evicted by this control plane'),
      hint: expect.stringContaining('again'),
    });
    const out = async (when: string) =>
      expect(await wall.renew('unwritten'), when).toEqual(['failed_precondition', 'failed_precondition']);
    await out('at once');
    await wall.redis.config('SET', 'min-replicas-to-write', '0');
    await wall.restart();
    await out('after a restart');
    await wall.restart(() => wall.restore(joined));
    await out('with the state before, over a restart');
    await wall.admin.evict(host.nodeKey);
    await out('again, once Redis takes it');
    expect(await wall.renew('stays'), 'its sibling').toEqual(['taken', 'taken']);
  }, 60_000);

  it('who is banned stays banned, whatever of the ban is deleted, put back or forged, over restarts as well', async () => {
    const join = async (name: string): Promise<string> => {
      const known = new Set((await wall.admin.hosts()).hosts.map(({ nodeKey }) => nodeKey));
      await wall.join((await wall.admin.createToken({ service: 'api' })).token, name);
      const added = (await wall.admin.hosts()).hosts.find(({ nodeKey }) => !known.has(nodeKey));
      if (added === undefined) throw new Error('no host joined');
      return added.nodeKey;
    };
    const [node] = [await join('banned'), await join('beside')];
    const joined = await wall.dump();
    await wall.admin.ban({ node, reason: 'stolen' });
    const key = `cellwall:table:bans:host ${node}`;
    const attacks: readonly (readonly [string, () => Promise<unknown>])[] = [
      ['its entry deleted', () => wall.redis.del(key)],
      ['the state before', () => wall.restore(joined)],
      ['an entry that lifts it', () => wall.redis.set(key, JSON.stringify({ lifted: true, at: Date.now() }))],
      ['everything deleted', () => wall.redis.flushall()],
    ];
    for (const [what, attack] of attacks) {
      await attack();
      expect(await wall.renew('banned'), what).toEqual(['permission_denied', 'permission_denied']);
      await wall.restart(async () => void (await attack()));
      expect(await wall.renew('banned'), `${what}, over a restart`).toEqual(['permission_denied', 'permission_denied']);
    }
    expect(await wall.renew('beside'), 'its sibling').toEqual(['taken', 'taken']);
    await wall.admin.unban({ node });
    expect(await wall.renew('banned'), 'lifted').toEqual(['taken', 'taken']);
  }, 60_000);

  it('a token, a node key, a lease or a record that he makes is none', async () => {
    const value = { spiffeId: 'spiffe://td1/service/api', expiresAt: Date.now() + 60_000, uses: 9 };
    const secret = 'A'.repeat(43);
    const hash = createHash('sha256').update(secret).digest('hex');
    for (const shape of [value, { value, seal: 'x' }, { value, at: Date.now() * 2, until: null, seal: 'x' }]) {
      await wall.redis.set(`cellwall:table:join-tokens:token:${hash}`, JSON.stringify(shape));
      const { token } = await wall.admin.createToken({ service: 'web' });
      const forged = `cw1.${secret}.${token.split('.')[2]}`;
      await expect(wall.join(forged, `forged-${Object.keys(shape).length}`)).rejects.toMatchObject({
        code: 'unauthenticated',
      });
    }
    const lease = { spiffeId: 'spiffe://td1/service/api', inbound: { address: '10.6.6.6', port: 66 }, ready: true };
    for (const name of ['leases', 'traffic', 'log-coverage', 'history', 'issued', 'nodes', 'audit']) {
      const key = `cellwall:table:${name}:`;
      await wall.redis.set(`${key}spiffe://td1/service/api~evil`, JSON.stringify(lease));
      await wall.redis.set(`${key}text`, 'no JSON');
      await wall.redis.hset(`${key}hash`, 'a', 'b');
      await wall.redis.set(`${key}long`, 'x'.repeat(5 << 20));
    }
    await wall.restart();
    const status = await wall.admin.status();
    expect([status.proxies.connected, JSON.stringify(status).includes('evil')]).toEqual([0, false]);
    expect(JSON.stringify(await wall.admin.history())).not.toContain('evil');
  });
});
