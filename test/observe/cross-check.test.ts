// Counters against the log: a proxy of which everything is known stands in for Envoy, its log late, its counters not read at one
// instant, its clock set. What it lost is known, so that every alarm can be judged.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EnvoyCounters, envoyCounterNames } from '../../src/lib/envoy-counters.ts';
import { type CrossCheck, createCrossCheck, type Missing } from '../../src/observe/cross-check.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';

const node = 'spiffe://td1/service/api~a';
const zero = Object.fromEntries(envoyCounterNames.map((name) => [name, 0])) as EnvoyCounters;

interface Model {
  readonly clock: FakeClock;
  readonly check: CrossCheck;
  readonly missing: readonly Missing[];
  begin(): void;
  /** Its entry comes so much later, or never. */
  end(delayMs: number | 'lost'): void;
  /** The chain goes and comes back: its counters begin anew. */
  reset(): void;
  setClock(ms: number): void;
  report(between?: () => void, last?: boolean): void;
  dropped(count: number): void;
  restart(): void;
}

function createModel(): Model {
  const clock = createFakeClock();
  const missing: Missing[] = [];
  const check = createCrossCheck({ clock, onMissing: (_, one) => missing.push(one) });
  check.connected(node);
  let [total, active, dropped, skew, epoch] = [0, 0, 0, 0, 0];
  const read = (between: () => void): EnvoyCounters => {
    const plainRequests = total;
    between();
    return { ...zero, plainRequests, plainActive: active, dropped };
  };
  return {
    clock,
    check,
    missing,
    begin() {
      total++;
      active++;
    },
    end(delay) {
      if (active === 0) return;
      active--;
      const at = clock.now() + skew;
      if (delay !== 'lost') clock.after(delay, () => check.told(node, 'plain', [at]));
    },
    reset() {
      if (active === 0) total = 0;
    },
    setClock(ms) {
      skew = ms;
    },
    report(between = () => {}, last = false) {
      const begunAt = clock.monotonic();
      between();
      const first = read(between);
      const second = read(between);
      const readAt = clock.now() + skew;
      between();
      check.report(node, { epoch: `e${epoch}`, last, readAt, first, second }, begunAt);
    },
    dropped(count) {
      dropped += count;
    },
    restart() {
      [total, active, dropped, epoch] = [0, 0, 0, epoch + 1];
    },
  };
}

const lacks = (missing: readonly Missing[]): number =>
  missing.reduce((sum, { counted, told }) => sum + counted - told, 0);

/** Some of each at once, in one step. */
const step = fc.record({
  begin: fc.nat({ max: 4 }),
  end: fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 4 }),
  lost: fc.nat({ max: 3 }),
  advance: fc.integer({ min: 1, max: 400 }),
  what: fc.constantFrom('report', 'nothing', 'nothing', 'nothing', 'reset', 'clock', 'restart', 'connected'),
  clock: fc.integer({ min: -100_000, max: 100_000 }),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function play(model: Model, steps: readonly Step[], loses: boolean): number {
  let lost = 0;
  const move = ({ begin, end, lost: toLose, advance }: Step): void => {
    for (let count = 0; count < begin; count++) model.begin();
    for (const delay of end) model.end(delay);
    if (loses) {
      for (let count = 0; count < toLose; count++) {
        model.begin();
        model.end('lost');
        lost++;
      }
    }
    model.clock.advance(advance);
  };
  steps.forEach((one, index) => {
    move(one);
    if (one.what === 'reset') model.reset();
    if (one.what === 'clock') model.setClock(one.clock);
    if (one.what === 'restart') model.restart();
    if (one.what === 'connected') model.check.connected(node);
    if (one.what === 'report') {
      model.clock.advance(2000);
      model.report(() => move(steps[(index * 7 + 3) % steps.length] ?? one));
    }
  });
  return lost;
}

describe('Envoy’s counters beside its log', () => {
  it('raise no alarm while nothing is lost, whatever else happens', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 80 }), (steps) => {
        const model = createModel();
        play(model, steps, false);
        for (let count = 0; count < 3; count++) {
          model.clock.advance(3000);
          model.report();
        }
        expect(model.missing).toEqual([]);
      }),
      { numRuns: 500, seed: 20_261_122 },
    );
  });

  it('never hold more against it than was lost', () => {
    let alarms = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 80 }), (steps) => {
        const model = createModel();
        const lost = play(model, steps, true);
        for (let count = 0; count < 3; count++) {
          model.clock.advance(3000);
          model.report();
        }
        expect(lacks(model.missing)).toBeLessThanOrEqual(lost);
        alarms += model.missing.length;
      }),
      { numRuns: 500, seed: 20_261_122 },
    );
    expect(alarms).toBeGreaterThan(100);
  });

  it('tell exactly what was lost, and between which reports, of a proxy that rests before and after', () => {
    const model = createModel();
    model.report();
    const from = model.clock.now();
    model.clock.advance(10_000);
    for (let count = 0; count < 120; count++) {
      model.begin();
      model.end(count < 100 ? 300 : 'lost');
    }
    model.clock.advance(10_000);
    model.report();
    const to = model.clock.now();
    for (let count = 0; count < 3; count++) {
      expect(model.missing).toEqual(count < 2 ? [] : [{ what: 'requests', from, to, counted: 120, told: 100 }]);
      model.clock.advance(10_000);
      model.report();
    }
    expect(model.missing).toHaveLength(1);
  });

  it('tell what was lost under load as far as it is certain', () => {
    const model = createModel();
    const load = (seconds: number, delay: number | 'lost'): void => {
      for (let count = 0; count < seconds * 100; count++) {
        model.begin();
        model.end(delay);
        model.clock.advance(10);
      }
    };
    load(10, 500);
    model.report();
    load(5, 500);
    load(5, 'lost');
    model.report();
    load(10, 500);
    model.report();
    load(10, 500);
    model.report();
    // Half a second of its entries are on their way at every moment.
    expect(lacks(model.missing)).toBeGreaterThan(400);
    expect(lacks(model.missing)).toBeLessThanOrEqual(500);
  });

  it('are compared once more when a proxy ends, without another report to confirm it', () => {
    const model = createModel();
    model.report();
    model.clock.advance(10_000);
    for (const delay of [100, 100, 'lost'] as const) {
      model.begin();
      model.end(delay);
    }
    model.report(() => {}, true);
    // It is started again at once.
    model.restart();
    model.clock.advance(1000);
    model.check.connected(node);
    model.report();
    expect(model.missing).toEqual([]);
    model.clock.advance(3000);
    expect(model.missing).toMatchObject([{ what: 'requests', counted: 3, told: 2 }]);
    model.clock.advance(10_000);
    model.report();
    model.clock.advance(10_000);
    model.report();
    expect(model.missing).toHaveLength(1);
  });

  it('say themselves when entries were thrown away, once', () => {
    const model = createModel();
    model.dropped(5);
    model.report();
    expect(model.missing).toEqual([]);
    const from = model.clock.now();
    model.clock.advance(10_000);
    model.dropped(7);
    model.report();
    expect(model.missing).toEqual([{ what: 'log entries', from, to: model.clock.now(), counted: 7, told: 0 }]);
    model.clock.advance(10_000);
    model.report();
    expect(model.missing).toHaveLength(1);
  });

  it('are not compared with a log to which nobody listened', () => {
    const model = createModel();
    model.report();
    for (let count = 0; count < 50; count++) {
      model.begin();
      model.end('lost');
    }
    model.check.connected(node);
    for (let count = 0; count < 4; count++) {
      model.clock.advance(10_000);
      model.report();
    }
    expect(model.missing).toEqual([]);
  });

  it('are told with what the log told, until they get old', () => {
    const model = createModel();
    expect(model.check.of(node)).toBeUndefined();
    model.begin();
    model.end(0);
    model.clock.advance(1);
    model.report();
    expect(model.check.of(node)).toMatchObject({ told: 1, counters: { plainRequests: 1, plainActive: 0 } });
    model.clock.advance(61_000);
    expect(model.check.of(node)).toBeUndefined();
    model.check.forget(node);
    expect(() => model.report()).toThrow('not connected');
  });

  it('are not taken too often, nor of a proxy that is not connected here', () => {
    const model = createModel();
    for (let count = 0; count < 8; count++) model.report();
    expect(() => model.report()).toThrow('too often');
    expect(() => model.report(() => {}, true)).toThrow('too often');
    model.clock.advance(2000);
    model.report();
    const report = { epoch: 'e', last: false, readAt: 0, first: zero, second: zero };
    expect(() => model.check.report('spiffe://td1/service/web~a', report, 0)).toThrow('not connected');
  });
});
