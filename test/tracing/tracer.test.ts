// What a span says of itself, which traces are recorded, and what is made of the header of others.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseTraceparent, type SpanContext, traceparentOf } from '../../src/lib/traceparent.ts';
import { createAckTimes } from '../../src/tracing/ack-times.ts';
import { parseSampler, samplerNames } from '../../src/tracing/sampler.ts';
import type { FinishedSpan } from '../../src/tracing/span.ts';
import { createTracer } from '../../src/tracing/tracer.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const hex = (length: number) =>
  fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`)).filter((text) => /[^0]/.test(text));
const contexts = fc.record({ traceId: hex(32), spanId: hex(16), sampled: fc.boolean() });

describe('traceparent', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(contexts, (context) => {
        expect(parseTraceparent(traceparentOf(context))).toEqual(context);
      }),
    );
  });

  it('of a later version is read as far as it is known', () => {
    const later = `cc-${'a'.repeat(32)}-${'b'.repeat(16)}-03-what-comes`;
    expect(parseTraceparent(later)).toEqual({ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true });
  });

  it('that is not valid is none', () => {
    const good = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    const bad = [
      undefined,
      '',
      `ff${good.slice(2)}`,
      good.toUpperCase(),
      `${good}-more`,
      `${good} `,
      `${good}, ${good}`,
      `00-${'0'.repeat(32)}-${'b'.repeat(16)}-01`,
      `00-${'a'.repeat(32)}-${'0'.repeat(16)}-01`,
      good.slice(0, -1),
      `cc${good.slice(2)}-${'x'.repeat(1000)}`,
    ];
    for (const text of bad) expect(parseTraceparent(text), text).toBeUndefined();
    fc.assert(
      fc.property(fc.string(), (text) => {
        const found = parseTraceparent(text);
        if (found !== undefined) expect(found.traceId).toMatch(/^[0-9a-f]{32}$/);
      }),
    );
  });
});

describe('samplers', () => {
  const parent = (sampled: boolean): SpanContext => ({ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled });
  const some = `${'0'.repeat(18)}40${'0'.repeat(12)}`;

  it('are those of OpenTelemetry, and heed the parent if they are based on it', () => {
    for (const name of samplerNames) {
      const sampler = parseSampler(name);
      expect(sampler(some, undefined), name).toBe(!name.endsWith('off'));
      const follows = name.startsWith('parentbased');
      expect(sampler(some, parent(false)), name).toBe(follows ? false : !name.endsWith('off'));
      expect(sampler(some, parent(true)), name).toBe(follows ? true : !name.endsWith('off'));
    }
  });

  it('of a share choose by the last 56 bits', () => {
    expect(parseSampler('traceidratio=0.26')(some, undefined)).toBe(true);
    expect(parseSampler('traceidratio=0.24')(some, undefined)).toBe(false);
    expect(parseSampler('parentbased_traceidratio=0')(some, undefined)).toBe(false);
  });

  it('that do not exist are refused', () => {
    for (const text of ['', 'always', 'jaeger_remote', 'traceidratio=2', 'traceidratio=x', 'traceidratio=-0.1']) {
      expect(() => parseSampler(text), text).toThrow(/^no (sampler|share)/);
    }
  });
});

describe('a tracer', () => {
  const traced = (sampler = 'always_on') => {
    const clock = createFakeClock();
    const ended: FinishedSpan[] = [];
    return {
      clock,
      ended,
      tracer: createTracer({ sampler: parseSampler(sampler), clock, ended: (one) => ended.push(one) }),
    };
  };

  it('gives spans their time, parents and content, once', () => {
    const { clock, ended, tracer } = traced();
    const parent = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true };
    const root = tracer.begin('root', { parent, kind: 'server' });
    clock.advance(5);
    const child = root.child('child');
    child.set({ one: 1 });
    child.set({ two: 'zwei' });
    child.event('seen', { three: [] });
    clock.advance(2);
    child.fail('first');
    child.fail('second');
    child.end();
    child.end();
    clock.jump(3_600_000);
    root.end();
    expect(ended).toMatchObject([
      {
        name: 'child',
        parent: root.context.spanId,
        start: 5,
        end: 7,
        attributes: { one: 1, two: 'zwei' },
        error: 'first',
      },
      { name: 'root', parent: parent.spanId, kind: 'server', start: 0, end: 7, epoch: Date.UTC(2026, 0, 1) },
    ]);
    expect(new Set(ended.map(({ context }) => context.traceId))).toEqual(new Set([parent.traceId]));
  });

  it('keeps nothing of what is not sampled, and says so to others', () => {
    const { ended, tracer } = traced('parentbased_always_on');
    const parent = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: false };
    const root = tracer.begin('root', { parent });
    root.child('below').end();
    root.end();
    expect(ended).toEqual([]);
    expect(root.context).toEqual(parent);
  });

  it('takes up bounded space for one span', () => {
    const { ended, tracer } = traced();
    const root = tracer.begin('root');
    for (let count = 0; count < 1000; count += 1) {
      root.event('again', {});
      root.link(root.context);
    }
    root.end();
    expect(ended[0]?.events).toHaveLength(64);
    expect(ended[0]?.links).toHaveLength(32);
  });
});

describe('times of answers', () => {
  it('are exact at both ends, and to within 5 % at the quantile', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0.01, max: 100_000, noNaN: true }), { minLength: 1 }), (all) => {
        const times = createAckTimes();
        for (const one of all) times.add(one);
        const sorted = all.toSorted((a, b) => a - b);
        const exact = sorted[Math.ceil(all.length * 0.99) - 1] ?? 0;
        const { firstMs, lastMs, p99Ms = 0 } = times.summary() ?? {};
        expect([firstMs, lastMs]).toEqual([sorted[0], sorted.at(-1)]);
        expect(p99Ms).toBeGreaterThanOrEqual(exact * (1 - 1e-9));
        expect(p99Ms).toBeLessThanOrEqual(exact * 1.05 * (1 + 1e-9));
      }),
    );
    expect(createAckTimes().summary()).toBeUndefined();
  });
});
