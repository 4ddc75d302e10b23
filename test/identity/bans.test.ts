// Who is banned: across restarts and between control planes on one store, whatever happens to the table; until it is lifted.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Ban, type BanTarget, banJson, banKey, liftedJson } from '../../src/identity/ban/ban.ts';
import { type Bans, createBans } from '../../src/identity/ban/bans.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import type { Table } from '../../src/lib/table.ts';
import { parseSpiffeId, type SpiffeId } from '../../src/model/spiffe-id.ts';
import { createMemoryTable } from '../../src/store/memory-table.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const api = spiffeId('spiffe://td1/service/api');
const web = spiffeId('spiffe://td1/service/web');
const host = 'ab'.repeat(32);
const identity: BanTarget = { kind: 'identity', spiffeId: api };
const oneHost: BanTarget = { kind: 'host', nodeKey: host };
const hour = 3_600_000;

function spiffeId(text: string): SpiffeId {
  const id = parseSpiffeId(text);
  if (id === undefined) throw new Error(text);
  return id;
}

async function open(table: Table, clock = createFakeClock()): Promise<Bans> {
  const bans = createBans({ table, clock });
  await bans.restore();
  return bans;
}

const ban = (target: BanTarget, clock = createFakeClock()): Ban => ({
  ...{ target, author: 'ada', reason: 'stolen', at: clock.now(), until: clock.now() + hour },
});

describe('a ban', () => {
  it('refuses an identity on every host, or every identity on a host, from the call on', async () => {
    const clock = createFakeClock();
    const bans = await open(createMemoryTable(clock), clock);
    const written = bans.ban(ban(identity, clock));
    expect(() => bans.check({ spiffeId: api, nodeKey: host })).toThrow('banned');
    expect(() => bans.check({ spiffeId: web, nodeKey: host })).not.toThrow();
    await written;
    await bans.ban(ban(oneHost, clock));
    expect(() => bans.check({ spiffeId: web, nodeKey: host })).toThrow('banned');
    expect(() => bans.check({ spiffeId: web })).not.toThrow();
    expect(bans.forProxies()).toEqual({ identities: [api], hosts: [host] });
    expect(bans.list().map(({ author, reason }) => [author, reason])).toEqual([
      ['ada', 'stolen'],
      ['ada', 'stolen'],
    ]);
  });

  it('holds on every control plane and after a restart, until it is lifted on one of them', async () => {
    const clock = createFakeClock();
    const table = createMemoryTable(clock);
    const [one, other] = [await open(table, clock), await open(table, clock)];
    let told = 0;
    other.watch(() => {
      told += 1;
    });
    await one.ban(ban(oneHost, clock));
    expect(other.isBanned({ nodeKey: host })).toBe(true);
    expect(told).toBe(1);
    expect((await open(table, clock)).find(oneHost)).toEqual(ban(oneHost, clock));
    expect(await other.lift(oneHost)).toBe(true);
    expect(await other.lift(oneHost)).toBe(false);
    expect([one, other, await open(table, clock)].map((bans) => bans.isBanned({ nodeKey: host }))).toEqual([
      false,
      false,
      false,
    ]);
    await one.ban(ban(oneHost, clock));
    expect(other.isBanned({ nodeKey: host })).toBe(true);
  });

  it('is not lifted by who deletes its entry, and an entry that cannot be read bans', async () => {
    const clock = createFakeClock();
    const table = createMemoryTable(clock);
    const bans = await open(table, clock);
    await bans.ban(ban(identity, clock));
    await table.delete(`identity ${api}`);
    expect(bans.isBanned({ spiffeId: api })).toBe(true);
    for (const [key, value] of [
      [`identity ${web}`, 7],
      ['host short', {}],
      ['nonsense', {}],
    ] as const) {
      await table.set(key, value);
    }
    const again = await open(table, clock);
    expect(again.list().map(({ target }) => target)).toEqual([{ kind: 'identity', spiffeId: web }]);
    clock.advance(400 * 24 * hour);
    expect(again.forProxies()?.identities).toEqual([web]);
  });

  it('is over for proxies when its certificates have ended, however a clock jumps, and for nobody else', async () => {
    const clock = createFakeClock();
    const bans = await open(createMemoryTable(clock), clock);
    let told = 0;
    await bans.ban(ban(identity, clock));
    bans.watch(() => {
      told += 1;
    });
    clock.jump(48 * hour);
    expect(bans.forProxies()).toEqual({ identities: [api], hosts: [] });
    clock.advance(hour - 1);
    expect(bans.forProxies()).toEqual({ identities: [api], hosts: [] });
    clock.advance(1);
    expect(bans.forProxies()).toBeUndefined();
    expect(told).toBe(1);
    expect(bans.isBanned({ spiffeId: api })).toBe(true);
  });

  it('is in force here if the store takes nothing; lifting it then fails, and it stays', async () => {
    const clock = createFakeClock();
    const table = createMemoryTable(clock);
    let refuses = false;
    const away = { ...table, set: refusing(table, () => refuses) };
    const bans = await open(away, clock);
    refuses = true;
    await expect(bans.ban(ban(identity, clock))).rejects.toThrow('away');
    expect(bans.isBanned({ spiffeId: api })).toBe(true);
    await expect(bans.lift(identity)).rejects.toThrow('away');
    expect(bans.isBanned({ spiffeId: api })).toBe(true);
    refuses = false;
    await bans.ban(ban(identity, clock));
    expect((await open(table, clock)).isBanned({ spiffeId: api })).toBe(true);
  });

  it('is refused beyond a number that proxies can bear; one that is there can be repeated', async () => {
    const clock = createFakeClock();
    const bans = await open(createMemoryTable(clock), clock);
    const targets = Array.from(
      { length: 257 },
      (_, index): BanTarget => ({
        kind: 'host',
        nodeKey: index.toString(16).padStart(64, '0'),
      }),
    );
    const [last, ...rest] = targets;
    if (last === undefined) throw new Error('none');
    for (const target of rest) await bans.ban(ban(target, clock));
    await expect(bans.ban(ban(last, clock))).rejects.toMatchObject({ code: 'resource_exhausted' });
    expect(bans.find(last)).toBeUndefined();
    for (const target of rest.slice(0, 1)) await bans.ban(ban(target, clock));
    clock.advance(hour);
    await bans.ban(ban(last, clock));
    expect(bans.list()).toHaveLength(257);
  });
});

function refusing(table: Table, when: () => boolean): Table['set'] {
  return async (...given) => {
    if (when()) throw new CellwallError('unavailable', 'the store is away');
    return table.set(...given);
  };
}

describe('what a parent bans', () => {
  /** A control plane of a cell, and its table. */
  const cell = async () => {
    const clock = createFakeClock();
    const table = createMemoryTable(clock);
    return { clock, table, bans: await open(table, clock) };
  };
  const theirs = banKey(oneHost);
  const at = (time: number) => banJson({ ...ban(oneHost), at: time, until: Number.MAX_SAFE_INTEGER });

  it('holds beside what is banned here, over a restart, and is lifted by the parent alone', async () => {
    const { clock, table, bans } = await cell();
    await bans.ban(ban(oneHost, clock));
    expect(bans.hear(new Map([[theirs, at(5)]]))).toHaveLength(1);
    // Said again, as at each connection.
    expect(bans.hear(new Map([[theirs, at(5)]]))).toEqual([]);
    expect(bans.forProxies()).toEqual({ identities: [], hosts: [host] });
    expect(bans.list()).toHaveLength(2);
    await expect(bans.lift(oneHost)).rejects.toMatchObject({ code: 'failed_precondition' });
    const again = await open(table, clock);
    expect(again.list().map(({ from }) => from)).toEqual(expect.arrayContaining([undefined, 'parent']));
    again.hear(new Map([[theirs, liftedJson(6)]]));
    expect(again.list()).toHaveLength(1);
    expect(await again.lift(oneHost)).toBe(true);
    expect(() => again.check({ nodeKey: host })).not.toThrow();
    // What it heard is not for anybody else.
    expect([...again.news().keys()]).toEqual([theirs]);
  });

  it('is kept as soon as the store takes it', async () => {
    const clock = createFakeClock();
    const table = createMemoryTable(clock);
    let full = true;
    const refuses: Table = {
      ...table,
      set: (...given) => (full ? Promise.reject(new Error('full')) : table.set(...given)),
    };
    const bans = await open(refuses, clock);
    bans.hear(new Map([[theirs, at(5)]]));
    expect(() => bans.check({ nodeKey: host })).toThrow('banned');
    await clock.advance(4000);
    full = false;
    await clock.advance(6000);
    expect((await open(table, clock)).list()).toHaveLength(1);
  });

  it('is what it said last, whichever of its replicas says what when, and of whatever clock', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ on: fc.boolean(), skew: fc.integer({ min: -50, max: 50 }) }), {
          minLength: 1,
          maxLength: 12,
        }),
        fc.array(fc.nat(11), { maxLength: 20 }),
        async (orders, repeats) => {
          // At the parent: two control planes, whose clocks differ, on one table.
          const clock = createFakeClock();
          const table = createMemoryTable(clock);
          const said: ReturnType<Bans['news']>[] = [];
          for (const { on, skew } of orders) {
            const skewed = { ...clock, now: () => clock.now() + skew };
            const bans = await open(table, skewed);
            if (on) await bans.ban({ ...ban(oneHost, clock), at: skewed.now() });
            else await bans.lift(oneHost);
            said.push(bans.news());
          }
          const { bans } = await cell();
          for (const which of repeats) bans.hear(said[which % said.length] ?? new Map());
          bans.hear(said.at(-1) ?? new Map());
          for (const which of repeats) bans.hear(said[which % said.length] ?? new Map());
          const isBanned = orders.at(-1)?.on === true;
          expect(bans.isBanned({ nodeKey: host })).toBe(isBanned);
        },
      ),
    );
  });

  it.each(['parent host x', 'host', 'identity spiffe://', '', `parent ${theirs}`])(
    'an entry %j bans nobody',
    async (key) => {
      const { bans } = await cell();
      expect(bans.hear(new Map([[key, at(5)]]))).toEqual([]);
      expect(bans.list()).toEqual([]);
    },
  );
});
