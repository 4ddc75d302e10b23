// Spans reach a collector, or are dropped and counted: it may be gone, hang, refuse, or answer anything.
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { boundedCall, RefusedCall } from '../../src/lib/bounded-call.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import { silentLog } from '../../src/lib/log.ts';
import { otlpSpans } from '../../src/tracing/otlp-spans.ts';
import type { FinishedSpan } from '../../src/tracing/span.ts';
import { createSpanExporter, type SpanExporter } from '../../src/tracing/span-exporter.ts';
import { eventually } from '../support/eventually.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { type OtlpCollector, startOtlpCollector, take } from '../support/otlp-collector.ts';

const span = (name: string): FinishedSpan => ({
  context: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true },
  ...{ name, kind: 'internal', epoch: Date.UTC(2026, 0, 1), start: 1.5, end: 2.25 },
  ...{
    attributes: { text: 'x', count: 3, share: 0.5, is: true, list: ['a', 'b'], none: undefined },
    events: [],
    links: [],
  },
});

let collector: OtlpCollector;
let clock: FakeClock;
let exporter: SpanExporter;

const exportTo = (url: string, timeoutMs = 2000): SpanExporter =>
  createSpanExporter({
    clock,
    log: silentLog,
    send: (spans, signal) =>
      boundedCall({
        ...{ who: 'the collector', url, method: 'POST', timeoutMs, signal },
        headers: { 'content-type': 'application/json' },
        body: otlpSpans(spans, { 'service.name': 'cellwall' }, '1'),
      }),
  });
/** Time passes, in steps in which answers come, until it holds. */
const passes = (what: string, holds: () => boolean, stepMs = 250): Promise<true> =>
  eventually(what, () => {
    clock.advance(stepMs);
    return holds() || undefined;
  });

beforeEach(async () => {
  clock = createFakeClock();
  collector = await startOtlpCollector();
  exporter = exportTo(collector.url);
});
afterEach(async () => {
  const closing = exporter.close();
  await passes('closed', () => true);
  clock.advance(5000);
  await closing;
  await collector.stop();
});

it('gathers what ends within a second, and sends it as OTLP', async () => {
  exporter.add(span('one'));
  exporter.add(span('two'));
  clock.advance(999);
  expect(collector.bodies).toHaveLength(0);
  await passes('both there', () => collector.spans.length === 2);
  expect(collector.bodies).toHaveLength(1);
  expect(collector.spans[0]).toMatchObject({
    ...{ name: 'one', traceId: 'a'.repeat(32), resource: { 'service.name': 'cellwall' } },
    attributes: { text: 'x', count: 3, share: 0.5, is: true, list: ['a', 'b'] },
    endTimeUnixNano: Date.UTC(2026, 0, 1) + 2.25,
  });
  expect(collector.spans[0]?.attributes).not.toHaveProperty('none');
  await passes('counted', () => exporter.figures().exported === 2);
});

it('waits as long as it is asked to, and tries again', async () => {
  for (const status of [429, 503]) {
    collector.answer((response) => {
      response.statusCode = status;
      response.setHeader('retry-after', '20');
      response.end('later');
    });
    const [failed, sent] = [exporter.figures().failures, collector.bodies.length];
    exporter.add(span(`${status}`));
    await passes('refused', () => exporter.figures().failures > failed);
    collector.answer(take);
    clock.advance(19_000);
    await new Promise((resolve) => void setTimeout(resolve, 30));
    expect(collector.bodies.length).toBe(sent + 1);
    await passes('taken', () => collector.spans.some(({ name }) => name === `${status}`));
  }
});

it('gives up what stays refused after two minutes, and goes on with what is new', async () => {
  collector.answer((response) => {
    response.statusCode = 503;
    response.end();
  });
  exporter.add(span('old'));
  await passes('given up', () => exporter.figures().dropped.unavailable === 1, 4000);
  expect(collector.bodies.length).toBeGreaterThan(3);
  expect(collector.bodies.length).toBeLessThan(12);
  collector.answer(take);
  exporter.add(span('new'));
  await passes('new', () => collector.spans.length === 1);
  expect(collector.spans[0]?.name).toBe('new');
});

it('does not repeat what a collector refuses for good, and counts what it rejects', async () => {
  for (const status of [400, 401, 404, 301]) {
    collector.answer((response) => {
      response.statusCode = status;
      response.end('<html>');
    });
    const before = exporter.figures().dropped.refused;
    exporter.add(span('refused'));
    await passes(`${status}`, () => exporter.figures().dropped.refused === before + 1);
  }
  expect(collector.bodies).toHaveLength(4);
  collector.answer((response) => response.end('{"partialSuccess":{"rejectedSpans":"1","errorMessage":"no"}}'));
  exporter.add(span('a'));
  exporter.add(span('b'));
  await passes('rejected', () => exporter.figures().dropped.rejected === 1);
  expect(exporter.figures().exported).toBe(1);
});

it('is not misled by answers that are none', async () => {
  const answers = [
    '',
    'nonsense',
    '[]',
    'null',
    '{"partialSuccess":7}',
    '{"partialSuccess":{"rejectedSpans":-5}}',
    '"x"',
  ];
  for (const [index, text] of answers.entries()) {
    collector.answer((response) => response.end(text));
    exporter.add(span('x'));
    await passes(text, () => exporter.figures().exported === index + 1);
  }
  collector.answer((response) => response.end(Buffer.alloc(1_000_000, 'x')));
  exporter.add(span('large'));
  await passes('too large', () => exporter.figures().failures > 0);
});

it('bounds what waits while a collector hangs, and ends in time', async () => {
  exporter = exportTo(collector.url, 60_000);
  collector.answer(() => {});
  exporter.add(span('first'));
  await passes('it hangs', () => collector.bodies.length === 1);
  for (let count = 0; count < 3000; count += 1) exporter.add(span('more'));
  expect(exporter.figures()).toMatchObject({ waiting: 2048, dropped: { 'queue-full': 952 } });
  const closing = exporter.close();
  clock.advance(2000);
  await closing;
  expect(exporter.figures()).toMatchObject({ waiting: 0, dropped: { 'queue-full': 952, closed: 2049 } });
  exporter.add(span('late'));
  expect(exporter.figures().dropped.closed).toBe(2050);
});

it('goes on after a collector that is gone, or speaks something else', async () => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined).write('SSH-2.0-what\r\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  exporter = exportTo(`http://127.0.0.1:${port}/v1/traces`);
  exporter.add(span('x'));
  await passes('not HTTP', () => exporter.figures().failures === 1);
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => void server.close(resolve));
  await passes('gone', () => exporter.figures().failures >= 2);
  await passes('given up', () => exporter.figures().dropped.unavailable === 1, 4000);
});

it('sends what is there when it ends', async () => {
  exporter.add(span('last'));
  await exporter.close();
  expect(collector.spans.map(({ name }) => name)).toEqual(['last']);
});

it('survives whatever sending throws', async () => {
  const thrown: unknown[] = [
    new Error('x'),
    new CellwallError('internal', 'x'),
    new RefusedCall('unavailable', 'x', { status: 502, retryAfterMs: undefined }),
  ];
  exporter = createSpanExporter({
    clock,
    log: silentLog,
    send: async () => {
      if (thrown.length > 0) throw thrown.shift();
      return '';
    },
  });
  exporter.add(span('x'));
  await passes('through', () => exporter.figures().exported === 1);
  expect(exporter.figures().failures).toBe(3);
});
