// Tokens for programs beside a helper: one question for many who ask, the old one while the control plane is away, and no mixing up.
import { describe, expect, it, test } from 'vitest';
import type { JwtReply } from '../../src/identity-api/identity-protocol.ts';
import { CellwallError, type ErrorCode } from '../../src/lib/errors.ts';
import { createKeptTokens } from '../../src/sidecar/svid/kept-tokens.ts';
import { createFakeClock } from '../support/fake-clock.ts';

function start() {
  const clock = createFakeClock();
  const asked: (readonly string[])[] = [];
  let failure: CellwallError | undefined;
  const ask = async (audience: readonly string[]): Promise<JwtReply> => {
    asked.push(audience);
    await new Promise(setImmediate);
    if (failure !== undefined) throw failure;
    const expiresAt = new Date(clock.now() + 300_000).toISOString();
    return { spiffeId: 'spiffe://td1/a', token: `${asked.length} ${audience.join()}`, expiresAt };
  };
  const fail = (code?: ErrorCode): void => {
    failure = code === undefined ? undefined : new CellwallError(code, 'no');
  };
  return { clock, asked, fail, fetch: createKeptTokens({ ask, clock }) };
}

it('many who ask at once are one question, at first and at each renewal', async () => {
  const { clock, asked, fetch } = start();
  for (const times of [1, 2, 3]) {
    const replies = await Promise.all(Array.from({ length: 100 }, () => fetch(['db'])));
    expect(new Set(replies.map(({ token }) => token)).size).toBe(1);
    expect(asked).toHaveLength(times);
    clock.advance(150_000);
  }
});

it('a set of audiences is the same in any order, and another one is never taken for it', async () => {
  const { asked, fetch } = start();
  const first = await fetch(['a', 'bc', 'a']);
  expect(asked).toEqual([['a', 'bc']]);
  expect(await fetch(['bc', 'a'])).toBe(first);
  for (const other of [['ab', 'c'], ['abc'], ['a,bc'], ['a', 'b', 'c'], ['a'], ['"a","bc"']])
    expect((await fetch(other)).token).not.toBe(first.token);
});

describe('while the control plane cannot give another one', () => {
  test.each<ErrorCode>(['unavailable', 'deadline_exceeded', 'internal', 'resource_exhausted'])(
    'the one that is there is given until it is of no use (%s), and a new one at once when there is one',
    async (code) => {
      const { clock, fail, fetch } = start();
      const first = await fetch(['db']);
      clock.advance(200_000);
      fail(code);
      expect(await fetch(['db'])).toBe(first);
      await expect(fetch(['other'])).rejects.toMatchObject({ code });
      clock.advance(95_000);
      await expect(fetch(['db'])).rejects.toMatchObject({ code });
      fail();
      expect((await fetch(['db'])).token).not.toBe(first.token);
    },
  );

  test.each<ErrorCode>(['permission_denied', 'unauthenticated', 'failed_precondition', 'invalid_argument'])(
    'because it refuses (%s), the old one is not given either',
    async (code) => {
      const { clock, fail, fetch } = start();
      await fetch(['db']);
      clock.advance(200_000);
      fail(code);
      await expect(fetch(['db'])).rejects.toMatchObject({ code });
    },
  );
});
