// A value that changes, and who is told.
import { expect, it } from 'vitest';
import { createWatched } from '../../src/lib/watchable.ts';

it('tells every change once, and never the value that it has', () => {
  const watched = createWatched('a');
  const told: string[] = [];
  watched.watch((value) => told.push(value));
  watched.set('a');
  watched.set('b');
  watched.set('b');
  watched.set('c');
  expect(told).toEqual(['b', 'c']);
  expect(watched.value()).toBe('c');
});

it('tells nobody who has ended it, and one function that listens twice until both have ended', () => {
  const watched = createWatched(0);
  const told: number[] = [];
  const listener = (value: number): void => void told.push(value);
  const [first, second] = [watched.watch(listener), watched.watch(listener)];
  first();
  first();
  watched.set(1);
  second();
  watched.set(2);
  expect(told).toEqual([1]);
});

it('leaves everybody with the newest value, also where a listener sets it', () => {
  const watched = createWatched(0);
  const last = new Map<string, number>();
  watched.watch((value) => {
    last.set('first', value);
    if (value === 1) watched.set(2);
  });
  watched.watch((value) => last.set('second', value));
  watched.set(1);
  expect([...last.values()]).toEqual([2, 2]);
});
