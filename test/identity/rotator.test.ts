// Renewal of pushed SVIDs under a clock that the test moves.
import { describe, expect, it } from 'vitest';
import type { Issuer } from '../../src/identity/issuer.ts';
import {
  backdateMs,
  createStepsForward,
  planIssuers,
  renewalDelay,
  resumedDelay,
  retryDelay,
} from '../../src/identity/rotation.ts';
import { createRotator } from '../../src/identity/rotator.ts';
import type { Svid } from '../../src/identity/svid.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import { silentLog } from '../../src/lib/log.ts';
import type { SpiffeId } from '../../src/model/spiffe-id.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { idOf } from '../support/identity-harness.ts';

const hour = 3_600_000;
const minute = 60_000;
const id = idOf('spiffe://td1/service/api');

function setUp(clock: Clock, random: () => number = () => 0.5) {
  const state = { issued: 0, failing: false, changes: [] as { node: string; serial: string }[] };
  const issue = async (spiffeId: SpiffeId): Promise<Svid> => {
    if (state.failing) throw new CellwallError('unavailable', 'the authority is down');
    state.issued += 1;
    const now = clock.now();
    return {
      spiffeId,
      chain: '',
      serial: String(state.issued),
      notBefore: new Date(now),
      notAfter: new Date(now + hour),
    };
  };
  const issuer: Issuer = { issue, issued: async () => [], watch: () => () => {} };
  const onChange = (node: string, { serial }: Svid): void => void state.changes.push({ node, serial });
  return { state, rotator: createRotator({ issuer, clock, log: silentLog, onChange, random }) };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('the rotator', () => {
  it('issues once for all who ask at once, and renews at half life', async () => {
    const clock = createFakeClock();
    const { state, rotator } = setUp(clock);
    const svids = await Promise.all([rotator.ensure('a', id), rotator.ensure('a', id), rotator.ensure('a', id)]);
    expect(svids.map(({ serial }) => serial)).toEqual(['1', '1', '1']);
    expect(state.changes).toEqual([]);
    clock.advance(hour / 2 - 1);
    await settle();
    expect(state.issued).toBe(1);
    clock.advance(1);
    await settle();
    expect(state.changes).toEqual([{ node: 'a', serial: '2' }]);
    expect(rotator.current('a')?.serial).toBe('2');
    rotator.close();
    clock.advance(10 * hour);
    await settle();
    expect(state.issued).toBe(2);
  });

  it('keeps the old one while issuing fails, and tries again with backoff', async () => {
    const clock = createFakeClock();
    const { state, rotator } = setUp(clock);
    await rotator.ensure('a', id);
    state.failing = true;
    clock.advance(hour / 2);
    await settle();
    expect(rotator.current('a')?.serial).toBe('1');
    clock.advance(750);
    await settle();
    state.failing = false;
    clock.advance(1500);
    await settle();
    expect(state.changes).toEqual([{ node: 'a', serial: '2' }]);
    rotator.close();
  });

  it('renews nothing when the clock is set back by a day, nor when it is set right again', async () => {
    const clock = createFakeClock();
    const { state, rotator } = setUp(clock);
    for (let node = 0; node < 50; node += 1) await rotator.ensure(`node-${node}`, id);
    for (const jump of [-24 * hour, 24 * hour, -10 * minute, 10 * minute]) {
      clock.jump(jump);
      clock.advance(minute);
      await settle();
      expect(state.issued).toBe(50);
    }
    rotator.close();
  });

  it('renews what has ended by a clock that was set forward within 10 s, spread; what has not, at half of what is left', async () => {
    const clock = createFakeClock();
    let random = 0;
    const { state, rotator } = setUp(clock, () => {
      random = (random + 0.137) % 1;
      return random;
    });
    for (let node = 0; node < 50; node += 1) await rotator.ensure(`node-${node}`, id);
    clock.jump(0.8 * hour);
    clock.advance(5000);
    await settle();
    expect(state.issued).toBe(50);
    clock.advance(0.09 * hour);
    await settle();
    expect(state.issued).toBeGreaterThan(50);
    clock.advance(0.03 * hour);
    await settle();
    expect(state.issued).toBe(100);
    clock.jump(24 * hour);
    clock.advance(2500);
    await settle();
    expect(state.issued).toBeLessThan(150);
    clock.advance(7500);
    await settle();
    expect(state.issued).toBe(150);
    rotator.close();
  });

  it('goes on by itself after a loss of issuance of three lifetimes, in seconds', async () => {
    const clock = createFakeClock();
    const { state, rotator } = setUp(clock);
    await rotator.ensure('a', id);
    state.failing = true;
    for (let past = 0; past < 3 * hour; past += minute) {
      clock.advance(minute);
      await settle();
      // What was issued stays.
      expect(rotator.current('a')?.serial).toBe('1');
    }
    state.failing = false;
    clock.advance(4000);
    await settle();
    expect(state.changes).toEqual([{ node: 'a', serial: '2' }]);
    rotator.close();
  });

  it('rotates one, or all, on demand, and forgets what is released', async () => {
    const clock = createFakeClock();
    const { state, rotator } = setUp(clock);
    await rotator.ensure('a', id);
    await rotator.ensure('b', id);
    expect((await rotator.rotate('a'))?.serial).toBe('3');
    expect(await rotator.rotateAll()).toEqual({ rotated: 2, failed: 0 });
    expect(state.changes.map(({ node }) => node)).toEqual(['a', 'a', 'b']);
    rotator.release('a');
    expect(rotator.current('a')).toBeUndefined();
    expect(await rotator.rotate('a')).toBeUndefined();
    state.failing = true;
    expect(await rotator.rotateAll()).toEqual({ rotated: 0, failed: 1 });
    expect(rotator.current('b')?.serial).toBe('5');
    rotator.close();
  });

  it('leaves the first failure to the one who asked', async () => {
    const { state, rotator } = setUp(createFakeClock());
    state.failing = true;
    await expect(rotator.ensure('a', id)).rejects.toThrow(/down/);
    state.failing = false;
    expect((await rotator.ensure('a', id)).serial).toBe('1');
    rotator.close();
  });
});

describe('when to renew', () => {
  it('a clock that was set forward has certificates begin as much earlier, until it is set back, a day at most', () => {
    const clock = createFakeClock();
    const steps = createStepsForward(clock);
    expect(steps()).toBe(0);
    clock.advance(hour);
    clock.jump(500);
    expect(steps()).toBe(0);
    clock.jump(2 * hour);
    expect(steps()).toBe(2 * hour + 500);
    clock.jump(-2 * hour);
    expect(steps()).toBe(0);
    clock.jump(-hour);
    expect(steps()).toBe(0);
    clock.jump(48 * hour);
    expect(steps()).toBe(24 * hour);
  });

  it('after a restart is half of the whole life, and never all at once when that is past', () => {
    const validity = { notBefore: new Date(-backdateMs), notAfter: new Date(hour) };
    expect(resumedDelay(validity, hour / 4, 0.5)).toBeCloseTo(hour / 4);
    // Before that, as spread as if nothing had been restarted: those issued together do not wait for the same moment.
    expect(resumedDelay(validity, hour / 4, 0)).toBeCloseTo(0.2 * hour);
    expect(resumedDelay(validity, hour / 4, 1)).toBeCloseTo(0.3 * hour);
    expect(resumedDelay(validity, 0.6 * hour, 0)).toBe(0);
    expect(resumedDelay(validity, 0.6 * hour, 0.5)).toBeCloseTo(0.02 * hour);
    expect(resumedDelay(validity, 2 * hour, 0.9)).toBe(0);
  });

  it('is half of what is left, give or take a tenth', () => {
    const validity = { notBefore: new Date(0), notAfter: new Date(hour) };
    expect(renewalDelay(validity, 0, 0)).toBeCloseTo(0.45 * hour);
    expect(renewalDelay(validity, 0, 0.999_999)).toBeCloseTo(0.55 * hour, -1);
    expect(renewalDelay(validity, 2 * hour, 0.5)).toBe(0);
  });

  it('after failures is ever later, up to a minute', () => {
    expect([1, 2, 3, 4, 20].map((failures) => retryDelay(failures, 1, hour))).toEqual([1000, 2000, 4000, 8000, 60_000]);
    expect([1, 2, 3, 4, 20].map((failures) => retryDelay(failures, 1, -hour))).toEqual([1000, 2000, 4000, 4000, 4000]);
    expect(retryDelay(20, 1, 100_000)).toBe(10_000);
  });
});

describe('which issuing CA signs', () => {
  const issuer = (from: number, to: number) => ({ notBefore: new Date(from), notAfter: new Date(to) });
  const first = issuer(0, 1200);
  const second = issuer(600, 1800);

  it.each([
    ['none', [], 0, undefined, true],
    ['young', [first], 599, first, false],
    ['half', [first], 600, first, true],
    ['prepared', [first, second], 899, first, false],
    ['before the last sixth', [first, second], 900, second, false],
    ['the first ended', [first, second], 1200, second, true],
    ['all ended', [first, second], 1800, undefined, true],
    ['no successor', [first], 1100, first, true],
  ] as const)('%s', (_, issuers, now, active, prepare) => {
    expect(planIssuers(issuers, now)).toEqual({ active, prepare });
  });
});
