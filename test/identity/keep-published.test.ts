// When a place is published to, and what is told of it: with a place that does what the test says, and a clock that the test moves.
import { describe, expect, it } from 'vitest';
import { keepPublished } from '../../src/identity/publisher/keep-published.ts';
import type { Confirmation, Publisher } from '../../src/identity/publisher/publisher.ts';
import type { TrustBundle } from '../../src/identity/trust-bundle.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import type { Log } from '../../src/lib/log.ts';
import { createWatched } from '../../src/lib/watchable.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { heardLog } from '../support/heard-log.ts';
import { bundleOf } from '../support/trust-bundles.ts';

interface Place extends Publisher {
  holds: TrustBundle | undefined;
  /** In place of what it really holds. */
  answer: Confirmation | undefined;
  fault: Error | undefined;
  hangs: Promise<void> | undefined;
  published: number;
  looks: number;
}

function createPlace(): Place {
  const place: Place = {
    ...{ holds: undefined, answer: undefined, fault: undefined, hangs: undefined, published: 0, looks: 0 },
    async publish(bundle) {
      await place.hangs;
      if (place.fault) throw place.fault;
      place.published += 1;
      place.holds = bundle;
    },
    async confirm(bundle) {
      place.looks += 1;
      await place.hangs;
      if (place.fault) throw place.fault;
      if (place.answer) return place.answer;
      if (place.holds === undefined) return { kind: 'missing' };
      return place.holds === bundle ? { kind: 'confirmed' } : { kind: 'different', why: 'it has other content' };
    },
  };
  return place;
}

/** Everything that is under way goes as far as it can without time. */
const settle = () => new Promise(setImmediate);

async function start(place = createPlace()) {
  const [one, two] = [await bundleOf(1, 'a'), await bundleOf(2, 'a', 'b')];
  const clock = createFakeClock();
  const bundle = createWatched(one);
  const told: (readonly [fields: object, message: string])[] = [];
  const log: Log = heardLog({ warn: (fields, message) => void told.push([fields, message]) });
  const kept = keepPublished({ name: 'fake:place', publisher: place, bundle, clock, log, random: () => 0.5 });
  await settle();
  const advance = async (ms: number) => {
    clock.advance(ms);
    await settle();
  };
  return { place, one, two, clock, bundle, told, kept, advance };
}

const unavailable = () => new CellwallError('unavailable', 'the place is closed', { hint: 'open it' });

describe('a bundle', () => {
  it('is published and read back at once, and again when it changes', async () => {
    const { place, two, bundle, kept, clock, told } = await start();
    expect(kept.status()).toEqual({
      ...{ name: 'fake:place', sequence: 1, publishedAt: clock.now(), confirmed: true, confirmedAt: clock.now() },
      ...{ failures: 0, drifts: 0 },
    });
    bundle.set(two);
    expect(kept.status().confirmed).toBe(false);
    await settle();
    expect(kept.status()).toMatchObject({ sequence: 2, confirmed: true });
    expect(place).toMatchObject({ holds: two, published: 2 });
    expect(told).toEqual([]);
    kept.close();
  });

  it('that is there already is not published again', async () => {
    const place = createPlace();
    place.holds = await bundleOf(1, 'a');
    const { kept, one } = await start({ ...place, confirm: async () => ({ kind: 'confirmed' }) });
    expect(one.sequence).toBe(1);
    const { publishedAt, ...status } = kept.status();
    expect(publishedAt).toBeUndefined();
    expect(status).toMatchObject({ sequence: 1, confirmed: true });
    kept.close();
  });

  it('that changes while another is published is published after it, and only then confirmed', async () => {
    const { place, two, bundle, kept, advance } = await start();
    const three = await bundleOf(3, 'b');
    let go = () => {};
    place.hangs = new Promise((resolve) => {
      go = resolve;
    });
    bundle.set(two);
    await advance(1000);
    bundle.set(three);
    place.hangs = undefined;
    go();
    await settle();
    expect(place.holds).toBe(three);
    expect(kept.status()).toMatchObject({ sequence: 3, confirmed: true, failures: 0 });
    kept.close();
  });

  it('whose confirmation comes after it was replaced confirms nothing', async () => {
    const { place, two, bundle, kept } = await start();
    let go = () => {};
    place.confirm = () =>
      new Promise((resolve) => {
        go = () => resolve({ kind: 'confirmed' });
      });
    bundle.set(two);
    await settle();
    bundle.set(await bundleOf(3, 'b'));
    go();
    await settle();
    expect(kept.status().confirmed).toBe(false);
    go();
    await settle();
    expect(kept.status()).toMatchObject({ confirmed: true, sequence: 3 });
    kept.close();
  });
});

describe('what fails', () => {
  it('is told with its hint, tried again at growing intervals, a minute at most, and forgotten once it holds', async () => {
    const { place, kept, advance, told, clock, bundle, two } = await start();
    const confirmedAt = clock.now();
    place.fault = unavailable();
    bundle.set(two);
    await settle();
    expect(kept.status()).toMatchObject({
      ...{ sequence: 1, confirmed: false, confirmedAt, failures: 1 },
      error: { message: 'the place is closed', hint: 'open it', at: clock.now() },
    });
    const begun = clock.now();
    const at: number[] = [];
    for (let looks = place.looks; clock.now() < begun + 600_000; ) {
      await advance(250);
      if (place.looks > looks) at.push(clock.now() - begun);
      looks = place.looks;
    }
    const waits = at.map((time, index) => time - (at[index - 1] ?? 0));
    expect(waits.slice(0, 4)).toEqual([750, 1500, 3000, 6000]);
    expect(Math.max(...waits)).toBe(45_000);
    expect(waits.at(-1)).toBe(45_000);
    expect(told).toHaveLength(kept.status().failures);
    expect(told[0]?.[0]).toMatchObject({ publisher: 'fake:place', hint: 'open it', attempts: 1 });
    place.fault = undefined;
    await advance(60_000);
    expect(kept.status()).toMatchObject({ sequence: 2, confirmed: true });
    expect(kept.status().error).toBeUndefined();
    kept.close();
  });

  it('does not keep the next bundle waiting', async () => {
    const { place, kept, bundle, two, advance } = await start();
    place.fault = unavailable();
    for (let minute = 0; minute < 10; minute += 1) await advance(60_000);
    place.fault = undefined;
    bundle.set(two);
    await settle();
    expect(kept.status()).toMatchObject({ sequence: 2, confirmed: true });
    kept.close();
  });

  it('by hanging is told after half a minute, and not begun a second time beside it', async () => {
    const { place, kept, bundle, two, advance, told } = await start();
    let go = () => {};
    place.hangs = new Promise((resolve) => {
      go = resolve;
    });
    bundle.set(two);
    const { looks } = place;
    await advance(29_000);
    expect(kept.status().error).toBeUndefined();
    await advance(1000);
    expect(kept.status().error).toMatchObject({ message: 'no answer in 30 s' });
    for (let minute = 0; minute < 10; minute += 1) await advance(60_000);
    expect(place.looks).toBe(looks);
    expect(told).toHaveLength(1);
    place.hangs = undefined;
    go();
    await advance(60_000);
    expect(kept.status()).toMatchObject({ sequence: 2, confirmed: true, failures: 1 });
    kept.close();
  });

  it('by taking a bundle and holding another one is a failure, with who else may write there', async () => {
    const { place, kept, bundle, two } = await start();
    place.answer = { kind: 'different', why: 'it has other content' };
    bundle.set(two);
    await settle();
    expect(kept.status()).toMatchObject({
      confirmed: false,
      failures: 1,
      error: { hint: expect.stringMatching(/who else/) },
    });
    kept.close();
  });
});

describe('at the place', () => {
  it('what somebody else changes is found within 66 s, told, and put right', async () => {
    const { place, kept, one, two, told, advance, clock } = await start();
    place.holds = two;
    await advance(66_000);
    expect(place).toMatchObject({ holds: one, published: 2 });
    expect(kept.status()).toMatchObject({ confirmed: true, drifts: 1, driftedAt: expect.any(Number) });
    expect(told).toEqual([
      [expect.objectContaining({ why: 'it has other content' }), expect.stringMatching(/somebody else/)],
    ]);
    place.holds = undefined;
    await advance(66_000);
    expect(told[1]?.[0]).toMatchObject({ why: 'it is gone' });
    expect(kept.status()).toMatchObject({ drifts: 2, confirmedAt: clock.now() });
    kept.close();
  });

  it('somebody who writes there all the time is written over once a minute, no more', async () => {
    const { place, kept, two, advance } = await start();
    for (let second = 0; second < 600; second += 1) {
      place.holds = two;
      await advance(1000);
    }
    expect(place.published).toBeLessThanOrEqual(12);
    expect(kept.status().drifts).toBeGreaterThanOrEqual(8);
    kept.close();
  });

  it('a later bundle is left there, and told', async () => {
    const { place, kept, bundle, two } = await start();
    place.answer = { kind: 'newer', sequence: 9 };
    bundle.set(two);
    await settle();
    expect(place.published).toBe(1);
    expect(kept.status()).toMatchObject({
      confirmed: false,
      error: { message: 'sequence 9 is there, later than ours, 2', hint: expect.stringMatching(/ahead/) },
    });
    kept.close();
  });

  it('what takes a while is waited for, without publishing again, and is no failure', async () => {
    const { place, kept, bundle, two, advance } = await start();
    place.answer = { kind: 'pending', why: '2 of 3 have it' };
    bundle.set(two);
    await settle();
    await advance(5000);
    expect(kept.status()).toMatchObject({
      confirmed: false,
      failures: 0,
      error: { message: expect.stringMatching(/2 of 3/) },
    });
    expect(place.published).toBe(1);
    place.answer = undefined;
    place.holds = two;
    await advance(60_000);
    expect(kept.status()).toMatchObject({ confirmed: true, sequence: 2 });
    kept.close();
  });
});

it('once it is closed nothing is published, and what is under way is told to stop', async () => {
  const { place, kept, bundle, two, advance, told } = await start();
  let stopped = false;
  place.confirm = (_bundle, signal) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        stopped = true;
        reject(signal.reason);
      });
    });
  bundle.set(two);
  await settle();
  kept.close();
  await settle();
  expect(stopped).toBe(true);
  bundle.set(await bundleOf(3, 'b'));
  await advance(600_000);
  expect(place.published).toBe(1);
  expect(told).toEqual([]);
});
