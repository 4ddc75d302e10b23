// R writes at random for an hour (CELLWALL_HOUR_SECONDS; a few seconds in CI), while an operator works and restarts: after every step
// what is in force is what the operator applied last, every spent token is refused, the audit log holds, and the memory of `cellwall
// serve` is flat.
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { memoryOf } from '../../qualification/support/memory.ts';
import { figure, qualifying } from '../../support/figure.ts';
import { policyText, serviceText, yaml } from '../../support/resolve-text.ts';
import '../../support/seed.ts';
import { lives } from './lives.ts';
import { type RedisWall, startRedisWall } from './redis-wall.ts';
import { inOneOfItsOwn } from './redis-wall-runs.ts';

const seconds = qualifying ? Number(process.env['CELLWALL_HOUR_SECONDS'] ?? 3600) : 6;
const evil = yaml(policyText('p', 'api', 'allow', '[{from: [{everyone: true}]}]'));
const lua = yaml(
  `kind: EnvoyResource
metadata: {name: code}
spec:
  selector: {all: true}
  resource:
    "@type": type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig
    name: mine
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
      default_source_code: {inline_string: "os.execute('id')"}`,
);
const base = yaml(
  'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: strict}}',
  serviceText('api'),
  serviceText('web'),
);

let wall: RedisWall;
beforeAll(async () => {
  wall = await startRedisWall(base, inOneOfItsOwn);
}, 30_000);
afterAll(() => wall?.stop());

type Step = () => Promise<unknown>;

test(
  'an hour of random writes to Redis changes nothing',
  async () => {
    const { redis } = wall;
    const random = fc.sample(fc.integer({ min: 0, max: 2 ** 30 }), 5000);
    let drawn = 0;
    const below = (limit: number): number => (random[drawn++ % random.length] ?? 0) % limit;
    const one = <T>(list: readonly T[], fallback: T): T => list[below(Math.max(1, list.length))] ?? fallback;
    const keys = () => redis.keys('cellwall:*');
    const dumps: Awaited<ReturnType<RedisWall['dump']>>[] = [];
    const spent: string[] = [];
    const counts = { steps: 0, applies: 0, restarts: 0, revivedTokens: 0, wrongStates: 0, forgedNodes: 0 };
    let expected = await wall.inForce();
    let slowest = 0;

    const put =
      (key: string, text: string): Step =>
      () =>
        redis.hset('cellwall:documents', key, text);
    const attacks: readonly Step[] = [
      put('AuthorizationPolicy/p', evil),
      put('EnvoyResource/code', lua),
      put('Service/api', yaml(serviceText('api', 'http1', ', mtls: {mode: permissive}'))),
      put('junk', '\u0000: ['),
      () => redis.hdel('cellwall:documents', one([...expected.keys()], 'Service/api')),
      () =>
        redis.hset('cellwall:meta', 'revision', one(['0', '-1', 'x', '99999999999999999999', String(below(500))], '1')),
      () => redis.hset('cellwall:meta', 'digest', 'A'.repeat(43), 'urgent', '1'),
      () => redis.set('cellwall:epoch', one(['', 'other', 'x'.repeat(2000)], 'other')),
      () => redis.flushall(),
      async () => {
        const found = await keys();
        if (found.length > 0) await redis.del(one(found, ''));
      },
      async () => {
        const found = await keys();
        if (found.length > 0)
          await redis.set(one(found, 'cellwall:x'), one(['', 'text', '{}', '{"at":9e15,"until":null,"value":1}'], ''));
      },
      async () => {
        const found = await keys();
        if (found.length < 2) return;
        // An entry in another's place, sealed as it is.
        const bytes = await redis.dumpBuffer(one(found, ''));
        if (bytes !== null) await redis.restore(one(found, ''), 0, bytes, 'REPLACE');
      },
      async () => {
        const marks = await redis.keys('cellwall:table:join-tokens:use:*');
        if (marks.length > 0) await redis.del(...marks);
      },
      async () => void dumps.splice(below(20), 1, await wall.dump()),
      async () => {
        if (dumps.length > 0) await wall.restore(one(dumps, []));
      },
      async () => {
        for (let index = 0; index < 200; index++) void redis.publish('cellwall:changes', 'x');
        await redis.ping();
      },
      () =>
        redis.set(
          `cellwall:table:nodes:${below(1000)}`,
          JSON.stringify({ value: 'spiffe://td1/service/api', at: 1, until: null, seal: '' }),
        ),
      () => redis.set(`cellwall:table:leases:spiffe://td1/service/api~${below(50)}`, 'x'.repeat(below(100_000))),
    ];
    const operator = async (): Promise<void> => {
      // As operations.md says: what is not ours goes, and an apply writes everything anew.
      await redis.flushall();
      await redis.publish('cellwall:changes', '1');
      const action = one(['allow', 'deny'], 'deny');
      const text = yaml(
        policyText(
          `own-${below(5)}`,
          'api',
          action,
          `[{from: [{service: web}], to: [{path: {exact: /${below(1000)}}}]}]`,
        ),
      );
      await wall.apply(text);
      expected = await wall.inForce();
      expect([...expected.values()].join()).toContain(text.trim());
      counts.applies += 1;
    };
    const spend = async (): Promise<void> => {
      const { token } = await wall.admin.createToken({ service: 'api' });
      await wall.join(token, `node-${spent.length}`);
      spent.push(token);
    };

    const begin = performance.now();
    let restarting = 0;
    /** Of the work: a slow restart is no part of any life. */
    const age = (): number => (performance.now() - begin - restarting) / 1000;
    const memory = lives(seconds, qualifying ? 8 : 1);
    while (age() < seconds) {
      for (let burst = 1 + below(4); burst > 0; burst--) {
        // Redis refuses some of them by itself: one key is of one type.
        await one(attacks, attacks[0] ?? spend)().catch(() => undefined);
      }
      if (below(2) === 0) await redis.publish('cellwall:changes', '1');
      counts.steps += 1;
      const asked = performance.now();
      const now = await wall.inForce();
      slowest = Math.max(slowest, performance.now() - asked);
      if (JSON.stringify([...now]) !== JSON.stringify([...expected])) counts.wrongStates += 1;
      if (counts.steps % 25 === 0) await operator();
      if (counts.steps % 40 === 20 && spent.length < 200) await spend().catch(() => undefined);
      if (counts.steps % 10 === 5 && spent.length > 0) {
        const joined = await wall.join(one(spent, ''), `thief-${counts.steps % 50}`).then(
          () => 1,
          () => 0,
        );
        counts.revivedTokens += joined;
      }
      if (memory.over(age())) {
        const ended = performance.now();
        await wall.restart();
        restarting += performance.now() - ended;
        counts.restarts += 1;
        memory.begin(age());
      }
      counts.forgedNodes += (await wall.admin.status()).proxies.connected;
      if (qualifying && counts.steps % 25 === 0 && wall.pid !== undefined)
        memory.sample(age(), memoryOf(wall.pid).pssMiB);
      await delay(qualifying ? 20 : 5);
    }
    expect((await wall.admin.audit()).intact).toBe(true);
    for (const [name, value] of Object.entries(counts)) figure(name, value);
    figure('seconds', seconds);
    figure('spentTokens', spent.length);
    figure('slowestAnswerMs', Math.round(slowest));
    expect(counts).toMatchObject({ revivedTokens: 0, wrongStates: 0, forgedNodes: 0 });
    // In the seconds of CI nothing is warm: memory is judged in the long form alone, as lives.test.ts shows it is.
    if (qualifying) {
      const { restarted, long } = memory.found();
      figure('memoryMiBOfFirstAndLastStart', `${restarted.first} ${restarted.last}`);
      figure('memoryMiBOfLongLife', `${long.first} ${long.last}`);
      for (const { first, last } of [restarted, long]) expect(last).toBeLessThanOrEqual(1.2 * first);
    }
    expect([counts.steps, counts.applies, counts.restarts, spent.length].every((count) => count > 0)).toBe(true);
  },
  (seconds * 1.2 + 120) * 1000,
);
