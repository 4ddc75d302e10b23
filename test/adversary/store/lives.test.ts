// What leaks is found: within a life, from life to life, and not what comes and goes.
import { expect, it } from 'vitest';
import { lives } from './lives.ts';

function play(memory: (life: number, age: number, at: number) => number) {
  const judged = lives(3600, 8);
  let life = 0;
  let began = 0;
  for (let at = 0; at < 3600; at++) {
    if (judged.over(at)) {
      judged.begin(at);
      life += 1;
      began = at;
    }
    judged.sample(at, memory(life, at - began, at));
  }
  expect(life).toBe(16);
  const { restarted, long } = judged.found();
  return [restarted.last / restarted.first > 1.2, long.last / long.first > 1.2];
}

it.each([
  ['warm-up and collections', (_: number, age: number) => 100 + Math.min(age, 60) + (age % 17), [false, false]],
  ['a leak within a life', (_: number, age: number) => 100 + age / 20, [false, true]],
  ['a leak from life to life', (life: number) => 100 + 3 * life, [true, false]],
] as const)('%s', (_, memory, grows) => {
  expect(play(memory)).toEqual(grows);
});
