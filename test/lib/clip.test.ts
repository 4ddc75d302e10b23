import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { clip } from '../../src/lib/clip.ts';

test('keeps the beginning, whatever characters it has', () => {
  expect(clip('abc', 3)).toBe('abc');
  expect(clip('abcd', 3)).toBe('abc');
  expect(clip('', 3)).toBe('');
  expect(clip('é😀x', 2)).toBe('é😀'.slice(0, 2));
});

test('lets go of the rest', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  const before = process.memoryUsage().heapUsed;
  const kept = Array.from({ length: 100 }, (_, index) =>
    clip(new TextDecoder().decode(Buffer.alloc(1 << 19, 97 + (index % 26))), 100),
  );
  collect();
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(20 << 20);
  expect(kept).toHaveLength(100);
});
