// A rotation of the root that several control planes on one store carry out: whichever of them ends, or stands still, between any two of
// its writes, no proxy ever refuses another, and there is never more than one new root.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { figure, qualifying } from '../../support/figure.ts';
import { createRotationWorld, type RotationWorld } from '../../support/rotation-replicas.ts';
import '../../support/seed.ts';

const ids = ['a', 'b', 'c'] as const;

type Step =
  | { readonly kind: 'begin' | 'abort' | 'start' | 'pause' | 'resume'; readonly at: number }
  | { readonly kind: 'crash'; readonly at: number; readonly writes: number }
  | { readonly kind: 'accept'; readonly proxy: number }
  | { readonly kind: 'move'; readonly proxy: number; readonly at: number }
  | { readonly kind: 'time'; readonly ms: number };

const at = fc.nat(2);
const proxy = fc.nat(3);
const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: fc.record({ kind: fc.constant('begin' as const), at }), weight: 2 },
  { arbitrary: fc.record({ kind: fc.constantFrom('abort', 'start', 'pause', 'resume'), at }), weight: 3 },
  { arbitrary: fc.record({ kind: fc.constant('crash' as const), at, writes: fc.nat(8) }), weight: 1 },
  { arbitrary: fc.record({ kind: fc.constant('accept' as const), proxy }), weight: 6 },
  { arbitrary: fc.record({ kind: fc.constant('move' as const), proxy, at }), weight: 2 },
  {
    arbitrary: fc.record({ kind: fc.constant('time' as const), ms: fc.constantFrom(200, 1500, 6000, 21_000) }),
    weight: 6,
  },
);

function accept(world: RotationWorld, index: number): void {
  const one = world.proxies[index];
  if (one?.sent === undefined) return;
  Object.assign(one, one.sent, { sent: undefined });
}

async function take(world: RotationWorld, one: Step): Promise<void> {
  const life = 'at' in one ? world.lives.get(ids[one.at] ?? 'a') : undefined;
  const isUp = life !== undefined && !life.ended() && !life.paused();
  switch (one.kind) {
    case 'begin':
      // Its answer comes when it can.
      if (isUp) void life.rotation.begin({ by: 'ann', quietMs: 2000 }).catch(() => {});
      return;
    case 'abort':
      if (isUp) void life.rotation.abort().catch(() => {});
      return;
    case 'start':
      return world.start(ids[one.at] ?? 'a');
    case 'pause':
      return life?.pause();
    case 'resume':
      return life?.resume();
    case 'crash':
      return life?.crash(one.writes);
    case 'accept':
      return accept(world, one.proxy);
    case 'move': {
      const moving = world.proxies[one.proxy];
      if (moving !== undefined && isUp) await life.take(moving);
      return;
    }
    case 'time':
      return void world.clock.advance(one.ms);
    default:
      one satisfies never;
  }
}

async function open(): Promise<RotationWorld> {
  const world = createRotationWorld();
  for (const id of ids) await world.start(id);
  for (let index = 0; index < 4; index += 1) {
    const made = { node: `spiffe://td1/a~${index}`, at: '', trusts: [], chain: '', sent: undefined };
    world.proxies.push(made);
    await world.lives.get(ids[index % 3] ?? 'a')?.take(made);
    accept(world, index);
  }
  world.clock.advance(2000);
  await world.settle();
  return world;
}

/** Everybody runs and accepts until nothing is under way. */
async function end(world: RotationWorld): Promise<void> {
  for (const id of ids) {
    world.lives.get(id)?.resume();
    await world.start(id);
  }
  const over = (): boolean => {
    const records = [...world.lives.values()].map(({ rotation }) => rotation.record());
    // One that stood still hears of it a moment later.
    return records.every(({ rotation, version }) => rotation === undefined && version === records[0]?.version);
  };
  for (let second = 0; second < 120 && !over(); second += 1) {
    // One whose end was to come with a later write starts again.
    for (const id of ids) await world.start(id);
    world.clock.advance(1000);
    await world.settle();
    for (const index of world.proxies.keys()) accept(world, index);
    await world.check();
  }
  if (over()) return;
  const found = [...world.lives.values()].map(({ id, authority, rotation }) => {
    const { version, rotation: going } = rotation.record();
    return { id, version, phase: going?.phase, leads: authority.replaceable?.renews(), look: rotation.look() };
  });
  throw new Error(`it does not end: ${JSON.stringify(found)}`);
}

it('never cuts off a proxy, and makes one new root at a time, wherever control planes end or stand still', async () => {
  let rotated = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
      const world = await open();
      try {
        for (const one of steps) {
          await take(world, one);
          await world.settle();
          await world.check();
        }
        await end(world);
        const lives = [...world.lives.values()];
        const [first] = lives;
        const bundle = first?.authority.bundle.value();
        for (const { authority, rotation } of lives) {
          expect(authority.bundle.value()).toEqual(bundle);
          expect(rotation.record()).toEqual(first?.rotation.record());
          expect(rotation.look()).toEqual(first?.rotation.look());
        }
        expect(bundle?.roots).toHaveLength(1);
        expect(await world.keys()).toHaveLength(1);
        rotated += first?.rotation.record().last?.outcome === 'rotated' ? 1 : 0;
      } finally {
        world.close();
      }
    }),
    { numRuns: qualifying ? 400 : 3, endOnFailure: true },
  );
  figure('runsThatRotated', rotated);
  expect(rotated).toBeGreaterThan(0);
}, 1_200_000);
