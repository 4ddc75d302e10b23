// How far hosts' clocks are off, and how far the one furthest behind is: it says where certificates begin.
import { expect, it } from 'vitest';
import { backdateFor, backdateMs, maxBackdateMs, maxBehindMs } from '../../src/identity/rotation.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createClockOffsets } from '../../src/registry/clock-offsets.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const minute = 60_000;

it('goes by the host furthest behind of those that are there', () => {
  const clock = createFakeClock();
  const offsets = createClockOffsets({ clock, log: silentLog });
  expect(offsets.behind()).toBe(0);
  offsets.told('ahead', clock.now() + 30 * minute);
  expect(offsets.behind()).toBe(0);
  offsets.told('a', clock.now() - 5 * minute);
  offsets.told('b', clock.now() - 20 * minute);
  expect(offsets.behind()).toBe(20 * minute);
  // It was synchronized; or went.
  offsets.told('b', clock.now());
  expect(offsets.behind()).toBe(5 * minute);
  offsets.forget('a');
  expect(offsets.behind()).toBe(0);
});

it('is never less than for everybody, nor more than a CA bears', () => {
  for (const behind of [0, 1, 9 * minute]) expect(backdateFor(behind)).toBe(backdateMs);
  for (const behind of [9.5 * minute, 20 * minute, maxBehindMs]) {
    expect(backdateFor(behind) - behind).toBeGreaterThanOrEqual(minute);
    expect(backdateFor(behind) - behind).toBeLessThan(2 * minute);
  }
  for (const behind of [maxBehindMs + minute, Number.MAX_SAFE_INTEGER]) expect(backdateFor(behind)).toBe(maxBackdateMs);
});
