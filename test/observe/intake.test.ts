// What proxies report is worked on in slices: each identity has its share, all together have theirs, and an operator goes first.
import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Clock } from '../../src/lib/clock.ts';
import { createIntake } from '../../src/observe/intake.ts';
import { createLossyIntake } from '../../src/observe/lossy-intake.ts';

const limits = {
  ...{ waitingBytes: 1000, turnMs: 1, workAtOnceMs: 10, workShare: 0.1 },
  ofAll: { workAtOnceMs: 20, workShare: 0.4 },
};

/** Time passes with work, and with waiting when nobody works. */
function world() {
  let now = 0;
  let tasks: { readonly at: number; readonly task: () => void }[] = [];
  const clock: Pick<Clock, 'monotonic' | 'after'> = {
    monotonic: () => now,
    after(ms, task) {
      tasks.push({ at: now + ms, task });
      return () => undefined;
    },
  };
  const worked = new Map<string, number>();
  return {
    clock,
    worked,
    all: () => [...worked.values()].reduce((sum, ms) => sum + ms, 0),
    /** Without end, half a millisecond a step. */
    *work(who: string): Generator<undefined, void> {
      for (;;) {
        now += 0.5;
        worked.set(who, (worked.get(who) ?? 0) + 0.5);
        yield;
      }
    },
    /** Whoever waits for a time gets it when nothing else goes on. */
    async run(ms: number): Promise<void> {
      for (const end = now + ms; now < end; ) {
        const before = now;
        await turn();
        const due = tasks.filter(({ at }) => at <= now);
        tasks = tasks.filter(({ at }) => at > now);
        for (const { task } of due) task();
        if (now === before && due.length === 0) now = Math.min(end, ...tasks.map(({ at }) => at));
      }
    },
  };
}

test('one that reports without end has its share of time', async () => {
  const { clock, worked, work, run } = world();
  createIntake(clock, limits).add('a', { bytes: 1, work: work('a'), done: () => undefined });
  await run(10_000);
  expect(worked.get('a')).toBeGreaterThan(900);
  expect(worked.get('a')).toBeLessThan(1100);
});

test('however many there are, all together have no more than theirs, and each of them as much as the others', async () => {
  const { clock, worked, all, work, run } = world();
  const intake = createIntake(clock, limits);
  const names = Array.from({ length: 50 }, (_, at) => `n${at}`);
  for (const name of names) intake.add(name, { bytes: 1, work: work(name), done: () => undefined });
  await run(10_000);
  expect(all()).toBeGreaterThan(3500);
  expect(all()).toBeLessThan(4200);
  for (const name of names) expect(worked.get(name) ?? 0).toBeGreaterThan(50);
  expect(Math.max(...worked.values()) - Math.min(...worked.values())).toBeLessThanOrEqual(2);
});

test('nothing is worked on while an operator is served', async () => {
  const { clock, all, work, run } = world();
  let waitMs = 5;
  createIntake(clock, limits, { waitMs: () => waitMs }).add('a', {
    ...{ bytes: 1, work: work('a'), done: () => undefined },
  });
  await run(4);
  expect(all()).toBe(0);
  waitMs = 0;
  await run(20);
  expect(all()).toBeGreaterThan(0);
});

test('of what may be lost no more waits than there is room for, whoever sends it, and the rest is dropped unread', async () => {
  const { clock, worked, run } = world();
  const lossy = createLossyIntake(clock, { ...limits, bytesPerMs: 1000, waitingBytesOfAll: 3000 });
  const read = (who: string): Iterator<undefined, void> => {
    let left = 1;
    return {
      next() {
        worked.set(who, (worked.get(who) ?? 0) + left);
        left = 0;
        return { done: true, value: undefined };
      },
    };
  };
  const add = (who: string): void =>
    lossy.add(who, { bytes: 1000, work: read(who), pause: () => undefined, resume: () => undefined });
  for (const who of ['a', 'b', 'c', 'd', 'a']) add(who);
  await run(10);
  expect([...worked.keys()]).toEqual(['a', 'b', 'c']);
  expect(worked.get('a')).toBe(1);
  add('d');
  await run(10);
  expect(worked.get('d')).toBe(1);
});
