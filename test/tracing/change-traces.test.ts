// One change is one trace, with as many spans for ten thousand proxies as for one.
import { beforeEach, describe, expect, it } from 'vitest';
import { type ChangeTraces, createChangeTraces } from '../../src/tracing/change-traces.ts';
import { parseSampler } from '../../src/tracing/sampler.ts';
import type { FinishedSpan } from '../../src/tracing/span.ts';
import { createTracer } from '../../src/tracing/tracer.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';

const typeUrl = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';
let clock: FakeClock;
let ended: FinishedSpan[];
let traces: ChangeTraces;

const open = (sampler: string): void => {
  clock = createFakeClock();
  ended = [];
  const tracer = createTracer({ sampler: parseSampler(sampler), clock, ended: (one) => ended.push(one) });
  traces = createChangeTraces({ tracer, clock });
};
const response = (stream: number, revision: number) => ({ node: `n${stream}`, stream, typeUrl, revision });
const named = (name: string): FinishedSpan => {
  const [found, other] = ended.filter((one) => one.name === name);
  if (found === undefined || other !== undefined) throw new Error(`${name}: ${ended.map((one) => one.name)}`);
  return found;
};
/** They had something before. */
const connect = (count: number): void => {
  for (let stream = 1; stream <= count; stream += 1) traces.sent(response(stream, 0));
};

beforeEach(() => open('parentbased_always_on'));

describe('a change', () => {
  it('is followed from the request to the last answer', () => {
    connect(3);
    const parent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    const request = traces.request(parent, { 'enduser.id': 'me' });
    const mesh = {};
    request.step('validate', () => {
      clock.advance(1);
      traces.resolving(() => {
        clock.advance(2);
        return { mesh };
      });
    });
    traces.accepted({ revision: 7, mesh, trace: request.traceparent });
    request.end({ 'cellwall.revision': 7 });
    clock.advance(10);
    traces.pushing(7);
    traces.encoding(() => clock.advance(3));
    clock.advance(1);
    traces.encoding(() => clock.advance(4));
    traces.made(7);
    for (const stream of [1, 2, 3]) traces.sent(response(stream, 7));
    for (const stream of [1, 2, 3]) {
      clock.advance(10);
      traces.acked(response(stream, 7));
    }
    clock.advance(2000);
    const root = named('apply');
    expect(root).toMatchObject({ parent: 'b'.repeat(16), kind: 'server', attributes: { 'enduser.id': 'me' } });
    expect(ended.every(({ context }) => context.traceId === 'a'.repeat(32))).toBe(true);
    expect(named('validate')).toMatchObject({ parent: root.context.spanId, start: 0, end: 3 });
    expect(named('resolve')).toMatchObject({ parent: named('validate').context.spanId, start: 1, end: 3 });
    const change = named('change');
    expect(change).toMatchObject({ parent: root.context.spanId, start: 3, end: 51 });
    expect(named('translate')).toMatchObject({ parent: change.context.spanId, start: 13, end: 21 });
    expect(named('encode')).toMatchObject({
      start: 13,
      end: 21,
      attributes: { 'cellwall.busy_ms': 7, 'cellwall.resources': 2 },
    });
    expect(named('push')).toMatchObject({
      ...{ start: 21, end: 51 },
      attributes: {
        ...{ 'cellwall.responses': 3, 'cellwall.acked': 3, 'cellwall.nacked': 0, 'cellwall.unanswered': 0 },
        ...{ 'cellwall.first_ack_ms': 28, 'cellwall.last_ack_ms': 48 },
      },
    });
    expect(change.error).toBeUndefined();
    expect(ended).toHaveLength(7);
  });

  it('has as many spans for ten thousand proxies, and names few', () => {
    const count = 10_000;
    connect(count);
    traces.accepted({ revision: 1 });
    traces.pushing(1);
    traces.made(1);
    for (let stream = 1; stream <= count; stream += 1) traces.sent(response(stream, 1));
    const silent = 100;
    for (let stream = 1; stream <= count - silent; stream += 1) {
      if (stream % 1000 === 0) clock.advance(1);
      if (stream % 100 === 0) traces.nacked(response(stream, 1), [{ name: 'inbound', madeBy: [`a.yaml:${stream}`] }]);
      else traces.acked(response(stream, 1));
    }
    expect(ended).toHaveLength(0);
    clock.advance(30_000);
    expect(ended.map(({ name }) => name).toSorted()).toEqual(['change', 'push', 'translate']);
    const push = named('push');
    expect(push.attributes).toMatchObject({
      'cellwall.acked': 9801,
      'cellwall.nacked': 99,
      'cellwall.unanswered': silent,
    });
    const events = (name: string) => push.events.filter((one) => one.name === name);
    expect([events('slow ACK').length, events('NACK').length, events('unanswered').length]).toEqual([5, 20, 5]);
    expect(events('NACK')[0]?.attributes).toEqual({
      ...{ 'cellwall.proxy': 'n100', 'cellwall.type': 'Cluster' },
      ...{ 'cellwall.resources': ['inbound'], 'cellwall.made_by': ['a.yaml:100'] },
    });
    expect(named('change').error).toBe('99 rejected, 100 not answered');
  });

  it('that is pushed with a later one is linked to that; one that is overtaken says by which', () => {
    connect(2);
    traces.accepted({ revision: 1 });
    traces.accepted({ revision: 2 });
    traces.pushing(2);
    traces.sent(response(1, 2));
    traces.accepted({ revision: 3 });
    traces.pushing(3);
    traces.made(3);
    traces.sent(response(1, 3));
    traces.sent(response(2, 3));
    traces.acked(response(1, 2));
    traces.acked(response(1, 3));
    traces.acked(response(2, 3));
    clock.advance(2000);
    const changes = ended.filter(({ name }) => name === 'change');
    const of = (revision: number) => changes.find(({ attributes }) => attributes['cellwall.revision'] === revision);
    expect(of(1)).toMatchObject({ attributes: { 'cellwall.pushed_with': 2 }, links: [of(2)?.context] });
    expect(of(2)?.attributes).toMatchObject({ 'cellwall.superseded_by': 3 });
    expect(of(3)?.error).toBeUndefined();
    expect(changes).toHaveLength(3);
  });

  it('that concerns nobody ends when that is known', () => {
    traces.accepted({ revision: 1, by: 'files', lagMs: 70 });
    clock.advance(5);
    traces.pushing(1);
    clock.advance(5);
    traces.made(1);
    clock.advance(3000);
    expect(named('change')).toMatchObject({ start: -70, end: 10, attributes: { 'cellwall.written_by': 'files' } });
    expect(named('arrive')).toMatchObject({ start: -70, end: 0 });
    expect(named('push').attributes).toMatchObject({ 'cellwall.responses': 0 });
  });

  it('is not blamed for streams that begin later, or end', () => {
    connect(2);
    traces.accepted({ revision: 1 });
    traces.pushing(1);
    traces.made(1);
    for (const stream of [1, 2, 3]) traces.sent(response(stream, 1));
    traces.acked(response(1, 1));
    traces.disconnected(2);
    clock.advance(2000);
    expect(named('push').attributes).toMatchObject({
      ...{ 'cellwall.responses': 2, 'cellwall.acked': 1, 'cellwall.disconnected': 1, 'cellwall.unanswered': 0 },
    });
  });

  it('is followed no further where there are too many, and all end', () => {
    for (let revision = 1; revision <= 100; revision += 1) {
      traces.accepted({ revision });
      traces.pushing(revision);
    }
    for (let revision = 101; revision <= 200; revision += 1) traces.accepted({ revision });
    traces.close();
    expect(ended.filter(({ name }) => name === 'change')).toHaveLength(200);
    ended.length = 0;
    for (let again = 0; again < 3; again += 1) {
      traces.accepted({ revision: 7 });
      traces.pushing(7);
    }
    traces.close();
    expect(ended.filter(({ name }) => name === 'change')).toHaveLength(3);
  });

  it('of somebody who does not record it is not recorded, and others are told', () => {
    const request = traces.request(`00-${'a'.repeat(32)}-${'b'.repeat(16)}-00`, {});
    expect(request.traceId).toBeUndefined();
    expect(request.step('validate', () => 5)).toBe(5);
    traces.accepted({ revision: 1, trace: request.traceparent });
    traces.pushing(1);
    traces.made(1);
    request.end({});
    clock.advance(60_000);
    expect(ended).toEqual([]);
    expect(request.traceparent).toBe(`00-${'a'.repeat(32)}-${'b'.repeat(16)}-00`);
  });

  it('that fails says why, and steps that throw are ended', async () => {
    const request = traces.request('nonsense', {});
    expect(() =>
      request.step('validate', () => {
        throw new Error('x');
      }),
    ).toThrow('x');
    await expect(request.step('store', () => Promise.reject(new Error('y')))).rejects.toThrow('y');
    await Promise.resolve();
    request.end({ 'cellwall.result': 'aborted' }, 'aborted');
    expect(ended.map(({ name, error }) => [name, error])).toEqual([
      ['validate', undefined],
      ['store', undefined],
      ['apply', 'aborted'],
    ]);
  });
});
