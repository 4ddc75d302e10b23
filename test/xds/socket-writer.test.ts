// What a connection writes arrives in order and whole, in as few writes as possible, none larger than agreed; and each message is told as
// sent once all of it is.
import { Writable } from 'node:stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createSocketWriter } from '../../src/xds/server/http2/socket-writer.ts';

/** A socket that takes each write when it is told to. */
function slowSocket() {
  const writes: Buffer[] = [];
  const waiting: ((error?: Error) => void)[] = [];
  let bytes = 0;
  const socket = new Writable({
    highWaterMark: 2 ** 30,
    write(chunk: Buffer, _encoding, taken) {
      writes.push(Buffer.from(chunk));
      waiting.push(taken);
    },
  });
  socket.on('error', () => undefined);
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
  return {
    socket,
    writes,
    /** Takes the oldest; returns whether there was one. */
    async take(error?: Error): Promise<boolean> {
      const taken = waiting.shift();
      bytes += writes[writes.length - waiting.length - 1]?.length ?? 0;
      taken?.(error);
      await turn();
      return taken !== undefined;
    },
    taken: () => bytes,
    all: () => Buffer.concat(writes),
  };
}

const most = 64;
const step = fc.oneof(
  fc.record({ kind: fc.constant('write' as const), size: fc.integer({ min: 1, max: 300 }) }),
  fc.record({ kind: fc.constant('hold' as const), size: fc.integer({ min: 1, max: 100 }) }),
  fc.record({ kind: fc.constant('flush' as const) }),
  fc.record({ kind: fc.constant('take' as const) }),
);

test('any writes, however slowly they are taken: in order, whole, none too large, each told once all of it is sent', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { socket, writes, take, taken, all } = slowSocket();
      const writer = createSocketWriter(socket, most);
      const said: Buffer[] = [];
      const told: number[] = [];
      const due: number[] = [];
      let size = 0;
      const next = (length: number): Buffer => {
        const bytes = Buffer.from(Array.from({ length }, (_, index) => (size + index) % 251));
        said.push(bytes);
        size += length;
        return bytes;
      };
      for (const one of steps) {
        if (one.kind === 'hold') writer.hold(next(one.size));
        else if (one.kind === 'flush') writer.flush();
        else if (one.kind === 'take') await take();
        else {
          const bytes = next(one.size);
          const end = size;
          due.push(end);
          writer.write(bytes, () => {
            expect(taken()).toBeGreaterThanOrEqual(end);
            told.push(end);
          });
        }
      }
      writer.flush();
      while (await take());
      expect(all().equals(Buffer.concat(said))).toBe(true);
      expect(told).toEqual(due);
      expect(writes.every(({ length }) => length <= most)).toBe(true);
    }),
    { numRuns: 100 },
  );
});

test('what comes while a write is not taken yet goes together in the next; what is held goes with what follows', async () => {
  const { socket, writes, take } = slowSocket();
  const writer = createSocketWriter(socket, most);
  writer.hold(Buffer.from('a'));
  expect(writes).toEqual([]);
  writer.write(Buffer.from('b'));
  for (const text of 'cde') writer.write(Buffer.from(text));
  await take();
  await take();
  expect(writes.map(String)).toEqual(['ab', 'cde']);
});

test('an end is said after everything else, and nothing after it', async () => {
  const { socket, take, all } = slowSocket();
  const writer = createSocketWriter(socket, most);
  const told: string[] = [];
  writer.write(Buffer.alloc(100, 'a'), () => told.push('a'));
  writer.write(Buffer.from('b'), () => told.push('b'));
  writer.hold(Buffer.from('c'));
  writer.end(Buffer.from('d'));
  writer.write(Buffer.from('e'));
  writer.hold(Buffer.from('f'));
  writer.flush();
  writer.end(Buffer.from('g'));
  while (await take());
  expect(String(all())).toBe(`${'a'.repeat(100)}bcd`);
  expect(told).toEqual(['a', 'b']);
});

test('a socket that breaks is written nothing more, and nothing of it is told as sent', async () => {
  const { socket, writes, take } = slowSocket();
  const writer = createSocketWriter(socket, most);
  const told: string[] = [];
  writer.write(Buffer.from('a'), () => told.push('a'));
  writer.write(Buffer.from('b'), () => told.push('b'));
  await take(new Error('broken'));
  writer.write(Buffer.from('c'), () => told.push('c'));
  writer.flush();
  writer.end(Buffer.from('d'));
  expect([writes.map(String), told]).toEqual([['a'], []]);
});
