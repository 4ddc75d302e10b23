// The sink of the log over writers that a test makes: what is written, what waits, what is dropped and told.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createLogSink } from '../../src/lib/log-sink.ts';

/** Takes `room` bytes, then none until it is given more. */
function reader(room: number) {
  let text = '';
  let left = room;
  return {
    text: () => text,
    give(more: number) {
      left += more;
    },
    writeNow(chunk: Uint8Array): number {
      if (left === 0) throw Object.assign(new Error('full'), { code: 'EAGAIN' });
      const size = Math.min(left, chunk.length);
      left -= size;
      text += Buffer.from(chunk.subarray(0, size)).toString('latin1');
      return size;
    },
  };
}

it('writes every line once, in order, and tells exactly how many it dropped', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('line' as const), length: fc.integer({ min: 1, max: 60 }) }),
    fc.record({ kind: fc.constant('room' as const), bytes: fc.integer({ min: 0, max: 300 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const to = reader(100);
      const sink = createLogSink(to.writeNow, { maxBytes: 200, tell: (dropped) => `dropped ${dropped}\n` });
      let count = 0;
      for (const one of steps) {
        if (one.kind === 'room') to.give(one.bytes);
        else sink.write(`${count++} ${'x'.repeat(one.length)}\n`);
      }
      to.give(1_000_000);
      sink.write('last\n');
      const lines = to.text().split('\n').slice(0, -1);
      const told = lines
        .flatMap((line) => /^dropped (\d+)$/.exec(line)?.[1] ?? [])
        .reduce((sum, n) => sum + Number(n), 0);
      const numbers = lines.flatMap((line) => /^(\d+) x+$/.exec(line)?.[1] ?? []).map(Number);
      expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
      expect(new Set(numbers).size).toBe(numbers.length);
      expect(numbers.length + told).toBe(count);
      expect(sink.dropped()).toBe(told);
      expect(lines.at(-1)).toBe('last');
    }),
    { numRuns: 200 },
  );
});

it('never throws where its reader is gone', () => {
  const sink = createLogSink(() => {
    throw Object.assign(new Error('gone'), { code: 'EPIPE' });
  });
  sink.write('one\ntwo\n');
  expect(sink.dropped()).toBe(2);
});

it('tells who reads again how much was lost while nobody did', () => {
  const to = reader(1000);
  let gone = true;
  const sink = createLogSink(
    (chunk) => {
      if (gone) throw Object.assign(new Error('gone'), { code: 'EPIPE' });
      return to.writeNow(chunk);
    },
    { tell: (dropped) => `dropped ${dropped}\n` },
  );
  sink.write('one\ntwo\n');
  sink.write('three\n');
  gone = false;
  sink.write('four\n');
  gone = true;
  sink.write('five\n');
  gone = false;
  sink.write('six\n');
  expect(to.text()).toBe('dropped 3\nfour\ndropped 1\nsix\n');
  expect(sink.dropped()).toBe(4);
});
