// Work in slices: what is urgent first, others have their turn.
import { expect, it } from 'vitest';
import { createPublishQueue, type Urgency, urgencyOf } from '../../src/control/publish-queue.ts';
import { createSlices } from '../../src/control/slices.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { RegisteredProxy } from '../../src/registry/registered-proxy.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { meshOf, meshText, policyText, serviceText, yaml } from '../support/resolve-text.ts';

const turn = () => new Promise(setImmediate);

it('does in a turn what its time is enough for, whoever says start, and goes on by itself', async () => {
  const clock = createFakeClock();
  let [left, done] = [20, 0];
  const slices = createSlices({
    ...{ clock, budgetMs: 5 },
    step() {
      if (left === 0) return false;
      clock.advance(2);
      left -= 1;
      done += 1;
      return true;
    },
  });
  slices.start();
  expect(done).toBe(3);
  for (let index = 0; index < 5; index++) slices.start();
  expect(done).toBe(3);
  await turn();
  expect(done).toBe(6);
  for (let index = 0; index < 10; index++) await turn();
  expect(done).toBe(20);
  left = 1;
  await turn();
  slices.start();
  expect(done).toBe(21);
  left = 9;
  slices.stop();
  await turn();
  expect(done).toBe(21);
});

it('is at rest when nothing is left to do', async () => {
  let [left, asked] = [3, 0];
  const slices = createSlices({
    clock: systemClock,
    step() {
      asked += 1;
      left -= 1;
      return left >= 0;
    },
  });
  slices.start();
  for (let index = 0; index < 5; index++) await turn();
  const before = asked;
  for (let index = 0; index < 20; index++) await turn();
  expect([asked, before]).toEqual([5, 5]);
  slices.start();
  await turn();
  expect(asked).toBe(6);
});

const proxyOf = (name: string): RegisteredProxy => ({
  ...{
    node: `spiffe://td1/service/${name}~1`,
    spiffeId: `spiffe://td1/service/${name}` as RegisteredProxy['spiffeId'],
  },
  ...{ state: 'connected', since: 0, ready: true },
});

it('takes first who refuses more, then whose rules changed, then who has come, then the rest', () => {
  const queue = createPublishQueue();
  const urgency: Readonly<Record<string, Urgency>> = { c: 'rules', d: 'denies' };
  queue.add(proxyOf('e'));
  queue.fill(['a', 'b', 'c', 'd', 'e'].map(proxyOf), ({ node }) => urgency[node.at(-3) ?? ''] ?? 'other');
  queue.add(proxyOf('b'));
  queue.drop(proxyOf('c').node);
  const taken = Array.from({ length: 5 }, () => queue.take()?.node.at(-3));
  expect(taken).toEqual(['d', 'e', 'b', 'a', undefined]);
});

it('knows a denial from another rule, and both from lines that moved', () => {
  const services = ['a', 'b', 'c'].map((name) => serviceText(name));
  const policy = (target: string, action: string, from = '[{service: c}]') =>
    policyText(`${target}-${action}`, target, action, `[{from: ${from}}]`);
  const before = meshOf(
    yaml(meshText(), ...services, policy('a', 'allow'), policy('b', 'allow'), policy('c', 'deny', '[{service: a}]')),
  );
  const after = meshOf(
    yaml(
      `# moved\n${meshText()}`,
      ...services,
      ...[
        policy('a', 'allow'),
        policy('a', 'deny'),
        policy('b', 'allow', '[{service: a}]'),
        policy('c', 'deny', '[{service: a}]'),
      ],
    ),
  );
  const urgency = urgencyOf(before, after);
  expect(['a', 'b', 'c', 'x'].map((name) => urgency(proxyOf(name)))).toEqual(['denies', 'rules', 'other', 'other']);
});
