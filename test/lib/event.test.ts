import { expect, test } from 'vitest';
import { createEvent } from '../../src/lib/event.ts';

test('tells those who listen, in the order that they came, and nobody who stopped', () => {
  const event = createEvent<number>();
  const heard: string[] = [];
  event.tell(0);
  const stop = event.listen((what) => heard.push(`a${what}`));
  event.listen((what) => heard.push(`b${what}`));
  event.tell(1);
  stop();
  event.tell(2);
  expect(heard).toEqual(['a1', 'b1', 'b2']);
});

test('whoever begins to listen while it is told hears the next one', () => {
  const event = createEvent<number>();
  const heard: number[] = [];
  const stop = event.listen(() => event.listen((what) => heard.push(what)));
  event.tell(1);
  stop();
  event.tell(2);
  expect(heard).toEqual([2]);
});
