// What Redis answers about when a revision was written, and as a part of what: it is not sealed, and may be anything.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseStored } from '../../src/store/redis/read-reply.ts';

const reply = (revision: string, written: string, now: string) => [
  ...['state', 'fingerprint', 'epoch', revision, 'seal', '0', ''],
  ...[[], [], []],
  ...[written, now],
];
const written = (...given: Parameters<typeof reply>) => parseStored(reply(...given), undefined)?.written;

it('tells the age of the revision by one clock, and its trace', () => {
  expect(written('7', '7 1000000 trace', '1250500')).toEqual({ agoMs: 250.5, trace: 'trace' });
  expect(written('7', '7 1000000 ', '1250500')).toEqual({ agoMs: 250.5 });
  // Another server of Redis took over, whose clock is behind.
  expect(written('7', '7 2000000 trace', '1000000')).toEqual({ agoMs: 0, trace: 'trace' });
});

it('tells nothing of a revision that an earlier version wrote, which leaves the last one there', () => {
  expect(written('8', '7 1000000 trace', '1250500')).toBeUndefined();
  expect(parseStored(reply('8', '', '').slice(0, 10), undefined)?.written).toBeUndefined();
});

it('survives anything (property)', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.string(), (revision, text, now) => {
      const found = written(revision, text, now);
      if (found !== undefined) expect(found.agoMs).toBeGreaterThanOrEqual(0);
      if (found !== undefined) expect(Number.isFinite(found.agoMs)).toBe(true);
    }),
  );
});
