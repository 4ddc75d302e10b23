// Whether an application answers, as told: down at once; up at once the first times, later the more often it fell.
import { expect, it } from 'vitest';
import { createApplicationHealth } from '../../src/registry/application-health.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const n = { node: 'n', port: 'default' };
const up = { answers: true, around: [] };
const down = { answers: false, around: [] };

it('paces one that flaps, and lets go of the past', () => {
  const clock = createFakeClock();
  let changes = 0;
  const health = createApplicationHealth(clock, () => {
    changes += 1;
  });
  for (let flaps = 0; flaps < 600; flaps += 1) {
    health.report(n, 'r', flaps % 2 === 0 ? down : up);
    clock.advance(1000);
  }
  // Ten minutes of a flap every second: not one change a second.
  expect(changes).toBeLessThan(40);
  health.report(n, 'r', up);
  clock.advance(60_000);
  expect(health.of(n, 'r')).toEqual(up);
  clock.advance(600_000);
  health.report(n, 'r', down);
  health.report(n, 'r', up);
  expect(health.of(n, 'r')).toEqual(up);
});

it('knows nothing of another run', () => {
  const health = createApplicationHealth(createFakeClock(), () => {});
  health.report(n, 'r1', down);
  expect(health.of(n, 'r1')).toEqual(down);
  expect(health.of(n, 'r2')).toBeUndefined();
});
