// Which caller was given which token: told once an hour, with the number of calls; by a proxy only what documents grant.
import { expect, it } from 'vitest';
import { formatTokens } from '../../src/cli/output/format-tokens.ts';
import { createGrantedTokens, type GrantedTokenUse } from '../../src/observe/granted-tokens.ts';
import { rollUp } from '../../src/observe/roll-up.ts';
import { createTraffic } from '../../src/observe/traffic.ts';
import type { Call } from '../../src/observe/traffic-count.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const principal = 'spiffe://td1/service/rails';
const call = { service: 'iam', caller: 'mtls', decision: 'allowed', principal, credential: 'current' } as const;
const isKnown = (use: { readonly secret: string }): boolean => use.secret !== 'forged';

function setUp(grants: (use: Pick<GrantedTokenUse, 'principal' | 'service' | 'secret'>) => boolean = isKnown) {
  const clock = createFakeClock();
  const told: GrantedTokenUse[] = [];
  const watch = createGrantedTokens({ clock, grants, report: (use) => void told.push(use) });
  return { clock, told, see: (one: Call, count = 1) => watch.see(one, 'node', count) };
}

it('is told at the first call, and after an hour with the number of calls since', () => {
  const { clock, told, see } = setUp();
  see(call);
  see(call, 10);
  see({ ...call, credential: 'other' });
  see({ ...call, principal: 'spiffe://td1/service/registry' });
  const of = { service: 'iam', node: 'node', calls: 1 };
  expect(told).toEqual([
    { ...of, principal, secret: 'current' },
    { ...of, principal, secret: 'other' },
    { ...of, principal: 'spiffe://td1/service/registry', secret: 'current' },
  ]);
  clock.advance(3_599_999);
  see(call, 5);
  expect(told).toHaveLength(3);
  clock.advance(1);
  see(call, 2);
  expect(told.at(-1)).toEqual({ ...of, principal, secret: 'current', calls: 17 });
});

it('is not told if no token was set, no document grants it, or one proxy tells of callers without end', () => {
  const { told, see } = setUp();
  const { credential: _, ...without } = call;
  see(without);
  see({ ...call, credential: 'forged' });
  expect(told).toEqual([]);
  for (let index = 0; index < 1000; index++) see({ ...call, principal: `spiffe://td1/ci/${index}` });
  expect(told).toHaveLength(300);
});

it('is in the record: how often, since when and until when, by caller and token', () => {
  const clock = createFakeClock();
  const traffic = createTraffic({ clock });
  const first = clock.now();
  traffic.record({ ...call, path: { kind: 'exact', path: '/a' } }, 3);
  traffic.record({ ...call, credential: 'next' });
  const { credential: _, ...without } = call;
  traffic.record(without);
  clock.advance(60_000);
  traffic.record({ ...call, path: { kind: 'exact', path: '/b' } });
  traffic.record({ ...call, path: { kind: 'exact', path: '/a' } });
  const rows = rollUp(traffic.counts());
  expect(rows).toContainEqual({ ...call, count: 5, firstSeen: first, lastSeen: first + 60_000 });
  expect(rows).toContainEqual({ ...call, credential: 'next', count: 1, firstSeen: first, lastSeen: first });
  expect(rows).toContainEqual({ ...without, count: 1, lastSeen: first });
  const restored = createTraffic({ clock });
  restored.restore(
    [...traffic.changes().values()].flatMap((one) => one ?? []),
    new Map(),
  );
  expect(rollUp(restored.counts())).toHaveLength(3);
  const text = formatTokens([...rows], clock.now());
  expect(text).toMatch(/iam +current +spiffe:\/\/td1\/service\/rails +5 +1m ago/);
  expect(formatTokens([{ ...without, count: 1, lastSeen: 1 }], 1)).toBeUndefined();
});
