// `cellwall proxy log-level` with a real Envoy: what it logs changes, and goes back by itself, also without the control plane.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OtherReplicas } from '../../src/admin/everywhere.ts';
import { createLogLevelsEverywhere } from '../../src/admin/log-levels-everywhere.ts';
import { createLogLevelOrders, readLogLevelsReport } from '../../src/identity-api/log-level-orders.ts';
import { readOrder } from '../../src/identity-api/log-levels-order.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import type { Json } from '../../src/lib/table.ts';
import { readStats } from '../../src/sidecar/envoy/read-stats.ts';
import { runSidecar, type Sidecar } from '../../src/sidecar/run-sidecar.ts';
import { eventually } from '../support/eventually.ts';
import { serviceText, yaml } from '../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../support/serve-harness.ts';

let wall: ServeHarness;
let sidecar: Sidecar;
let words = '';

beforeAll(async () => {
  wall = await startServe(yaml('kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1}', serviceText('web')));
  const { token } = await wall.admin.createToken({ service: 'web' });
  sidecar = await runSidecar({
    ...{ identity: `127.0.0.1:${wall.identityPort}`, xds: `127.0.0.1:${wall.xdsPort}`, token: new Redacted(token) },
    ...{ dataDir: join(wall.folder, 'web'), instance: 'one', env: process.env, log: silentLog, drainSeconds: 0 },
    envoyWords: {
      write(text) {
        words += String(text);
      },
    },
  });
  await eventually(
    'a proxy',
    async () => (await wall.admin.proxies()).proxies.find(({ state }) => state === 'connected'),
    30_000,
  );
}, 60_000);

afterAll(async () => {
  await sidecar.stop();
  await wall.stop();
});

async function levels(): Promise<ReadonlyMap<string, string>> {
  const admin = sidecar.admin();
  if (admin === undefined) throw new Error('no Envoy');
  const text = await readStats(admin, '/logging', 'POST');
  return new Map([...text.matchAll(/^ +([a-z0-9_]+): ([a-z]+)$/gm)].map(([, name = '', level = '']) => [name, level]));
}
const levelOf =
  (...names: readonly string[]) =>
  async (): Promise<string> => {
    const all = await levels();
    return names.map((name) => all.get(name)).join(' ');
  };
const becomes = (what: string, wanted: string, look: () => Promise<string>): Promise<true> =>
  eventually(what, async () => ((await look()) === wanted ? true : undefined), 20_000);
const ordered = async (wanted: Record<string, 'debug' | 'trace' | 'info'>, time = '10m') =>
  wall.admin.logLevels({ proxy: 'td1/service/web~one', levels: wanted, for: time, reason: 'a test' });

it('all loggers say more, and go back after the time', async () => {
  const before = [...(await levels())];
  expect(new Set(before.map(([, level]) => level))).toEqual(new Set(['warning']));
  const { loggers, until, node } = await ordered({ '*': 'debug' }, '1s');
  expect([node, loggers]).toEqual(['spiffe://td1/service/web~one', before.length]);
  expect(until).toBeGreaterThan(Date.now());
  expect(new Set((await levels()).values())).toEqual(new Set(['debug']));
  await eventually('a word of it', () => (words.includes('[debug]') ? true : undefined), 20_000);
  await eventually(
    'as before',
    async () => (new Set((await levels()).values()).has('debug') ? undefined : true),
    20_000,
  );
  expect([...(await levels())]).toEqual(before);
}, 60_000);

it('of orders that meet, the later one counts, and each goes back to what then holds', async () => {
  await ordered({ http: 'debug', rbac: 'info' });
  await ordered({ http: 'trace', jwt: 'debug' }, '1s');
  expect(await levelOf('http', 'rbac', 'jwt')()).toBe('trace info debug');
  await becomes('the first', 'debug info warning', levelOf('http', 'rbac', 'jwt'));
  expect(await ordered({})).toEqual({ node: 'spiffe://td1/service/web~one', loggers: 2 });
  expect(await levelOf('http', 'rbac', 'jwt')()).toBe('warning warning warning');
}, 60_000);

it('several at once are all done', async () => {
  await Promise.all([ordered({ http: 'debug' }), ordered({ rbac: 'trace' }), ordered({ jwt: 'info' })]);
  expect(await levelOf('http', 'rbac', 'jwt')()).toBe('debug trace info');
  await ordered({});
}, 60_000);

it('what cannot be done is said, changes nothing, and is on record all the same', async () => {
  await expect(ordered({ nope: 'debug', http: 'debug' })).rejects.toThrow(
    /Envoy has no logger "nope"; it has: .*\bhttp\b/,
  );
  expect(await levelOf('http')()).toBe('warning');
  const unknown = wall.admin.logLevels({ proxy: 'td1/service/nobody~x', levels: { http: 'debug' } });
  await expect(unknown).rejects.toThrow('no proxy "td1/service/nobody~x"');
  await expect(ordered({ http: 'debug' }, '25h')).rejects.toThrow('"for" is no duration between 1s and 24h');
  const { records } = await wall.admin.audit();
  const sets = records.filter(({ event }) => Object(event).kind === 'log-levels-set');
  expect(sets.at(-1)?.event).toMatchObject({
    ...{ author: 'operator', node: 'spiffe://td1/service/web~one', levels: ['nope=debug', 'http=debug'] },
    ...{ seconds: 600, reason: 'a test' },
  });
}, 60_000);

it('goes back without a control plane', async () => {
  await ordered({ http: 'debug', config: 'info' }, '2s');
  let config = '';
  await wall.restart(async () => {
    await becomes('as before', 'warning', levelOf('http'));
    config = await levelOf('config')();
  });
  expect(['warning', 'error']).toContain(config);
}, 60_000);

describe('an order', () => {
  it('of a helper that says nothing ends, and is not given to it later', async () => {
    let withdrawn = 0;
    const orders = createLogLevelOrders({ order: () => () => void withdrawn++ }, systemClock, 20);
    await expect(orders.order('key', { instance: 'a', levels: {}, forMs: 1000 })).rejects.toThrow('did not say within');
    expect(withdrawn).toBe(1);
  });

  it('goes to the replica at which the helper listens, and says what that one says', async () => {
    const node = 'spiffe://td1/service/web~one';
    const wanted = { node, levels: { http: 'debug' }, forMs: 1000 } as const;
    const nothing = async (): Promise<undefined> => undefined;
    const replicas = (answers: readonly (readonly Json[])[]): OtherReplicas => ({
      ...{ id: 'a', list: () => [], answer() {} },
      ask: async (kind, question) => {
        expect([kind, question]).toEqual(['log-levels', wanted]);
        return new Map(answers.map((answer, at) => [`r${at}`, answer]));
      },
    });
    const ask = (...answers: readonly (readonly Json[])[]): Promise<number> =>
      createLogLevelsEverywhere(replicas(answers), nothing)(wanted);
    expect(await ask([], [{ loggers: 3 }])).toBe(3);
    await expect(ask([{ code: 'failed_precondition', message: 'no logger' }])).rejects.toMatchObject({
      ...{ code: 'failed_precondition', message: 'no logger' },
    });
    for (const answers of [[], [[]], [[null]], [['x']], [[{ loggers: 'x' }]], [[{ code: 'nope', message: 'x' }]]])
      await expect(ask(...answers)).rejects.toMatchObject({ code: 'unavailable' });
    await expect(createLogLevelsEverywhere(undefined, nothing)(wanted)).rejects.toThrow(`no helper of ${node} listens`);
    expect(await createLogLevelsEverywhere(replicas([]), async () => 7)(wanted)).toBe(7);
  });

  it.each([
    [undefined],
    [null],
    [[]],
    [{ id: 'a', instance: 'x', levels: { http: 'loud' }, forMs: 1 }],
    [{ id: 'a', instance: 'x', levels: { 'a&b': 'debug' }, forMs: 1 }],
    [{ id: 'a', instance: 'x', levels: { http: 'debug' }, forMs: 1e9 }],
    [{ id: 'a', instance: 'x', levels: { http: 'debug' }, forMs: Number.NaN }],
    [{ id: 1, instance: 'x', levels: {}, forMs: 1 }],
    [
      {
        id: 'a',
        instance: 'x',
        levels: Object.fromEntries(Array.from({ length: 51 }, (_, n) => [`l${n}`, 'debug'])),
        forMs: 1,
      },
    ],
  ])('that is none is none: %j', (value) => {
    expect(readOrder(value)).toBeUndefined();
  });

  it('reported in another form is refused', () => {
    const good = { instance: 'a', run: 'b', id: 'ab', loggers: 1 };
    expect(readLogLevelsReport(good)).toEqual(good);
    for (const wrong of [
      { id: '../x' },
      { loggers: -1 },
      { loggers: '1' },
      { failed: 7 },
      { failed: 'x'.repeat(2001) },
      { run: '' },
    ])
      expect(() => readLogLevelsReport({ ...good, ...wrong })).toThrow();
  });
});
