// What one stream says must never decide about another: calls whose headers and messages come in any order, on one connection and
// on several, while the rules change under them.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ClaimsWall, claim, startClaimsWall } from '../../support/claims-wall.ts';
import { figure, qualifying } from '../../support/figure.ts';
import type { RawGrpcCaller } from '../../support/raw-grpc-caller.ts';

const rounds = qualifying ? 1000 : 100;
let wall: ClaimsWall;

beforeAll(async () => {
  wall = await startClaimsWall(4);
}, 60_000);

afterAll(async () => {
  await wall.stop();
});

const ended = (): string | undefined => wall.proxy.envoy.ended();

function opened(caller: RawGrpcCaller): number {
  const stream = caller.open('pkg.Claims/Begin');
  if (stream === undefined) throw new Error('the connection takes no more calls');
  return stream;
}

describe.each(['one connection', 'two connections'] as const)('two streams on %s', (connections) => {
  test.each([
    ['its own cell first, then another', [1, 2]],
    ['another first, then its own', [2, 1]],
  ] as const)('headers of both, then messages: %s', async (_, cells) => {
    const first = await wall.caller(1);
    const second = connections === 'one connection' ? first : await wall.caller(1);
    let wrong = 0;
    for (let round = 0; round < rounds; round++) {
      const calls = [
        { caller: first, stream: opened(first), cell: cells[0] },
        { caller: second, stream: opened(second), cell: cells[1] },
      ];
      // Both streams have their headers at the wall before either has its message.
      await new Promise((resolve) => setTimeout(resolve, 1));
      for (const { caller, stream, cell } of calls) caller.send(stream, claim('Begin', cell, 1), true);
      const answers = await Promise.all(calls.map(({ caller, stream }) => caller.answer(stream)));
      wrong += calls.filter(({ cell }, index) => answers[index] !== (cell === 1 ? 'passed' : 'refused')).length;
    }
    first.close();
    second.close();
    figure(`wrongOf ${connections}, ${cells.join(' then ')}`, wrong);
    expect({ wrong, others: wall.arrived.others, ended: ended() }).toEqual({ wrong: 0, others: 0, ended: undefined });
  });
});

test('rules change while half of a message has come: it is decided by what it says', async () => {
  let wrong = 0;
  const changes = qualifying ? 100 : 15;
  for (let round = 0; round < changes; round++) {
    // What a change takes from some caller drains the connections of its chain: calls in flight end as they are, new ones need another.
    const caller = await wall.caller(3);
    const calls = [3, 4, 3, 10].map((cell) => ({ cell, stream: opened(caller), bytes: claim('Begin', cell, 3) }));
    for (const { stream, bytes } of calls) caller.send(stream, bytes.subarray(0, 6), false);
    await changed();
    for (const { stream, bytes } of calls) caller.send(stream, bytes.subarray(6), true);
    for (const { stream, cell } of calls) {
      if ((await caller.answer(stream)) !== (cell === 3 ? 'passed' : 'refused')) wrong++;
    }
    caller.close();
  }
  expect({ wrong, others: wall.arrived.others, ended: ended() }).toEqual({ wrong: 0, others: 0, ended: undefined });
  expect(wall.proxy.ads.nacks).toEqual([]);
});

test('control: where no rule looks at it, the same message of another cell arrives, and the application tells', async () => {
  const caller = await wall.caller(1);
  const before = wall.arrived.others;
  const stream = caller.open('pkg.Claims/Get');
  if (stream === undefined) throw new Error('the connection takes no more calls');
  caller.send(stream, claim('Begin', 2, 1), true);
  expect(await caller.answer(stream)).toBe('passed');
  expect(wall.arrived.others).toBe(before + 1);
  caller.close();
});

/** Envoy has taken the new rules. */
async function changed(): Promise<void> {
  wall.changeRules();
  await expect.poll(() => [...wall.proxy.ads.acked].some((type) => type.endsWith('TypedExtensionConfig'))).toBe(true);
}
