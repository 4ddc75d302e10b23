import { expect, test } from 'vitest';
import { type BreakGlassUse, createBreakGlassWatch } from '../../src/observe/break-glass.ts';
import { breakGlassPolicy } from '../../src/policy/own-policies.ts';
import { createFakeClock } from '../support/fake-clock.ts';

test('a use is told once a minute for each identity and service', () => {
  const clock = createFakeClock();
  const told: BreakGlassUse[] = [];
  const names = (principal: string) => principal === 'spiffe://td1/oncall';
  const watch = createBreakGlassWatch({ clock, names, report: (use) => void told.push(use) });
  const call = { service: 'api', caller: 'mtls', decision: 'allowed', principal: 'spiffe://td1/oncall' } as const;
  watch.see({ ...call, policy: 'some/0' }, 'n');
  watch.see({ ...call, principal: 'spiffe://td1/nobody', policy: breakGlassPolicy }, 'n');
  expect(told).toEqual([]);
  for (let at = 0; at < 5; at++) watch.see({ ...call, policy: breakGlassPolicy }, 'n');
  watch.see({ ...call, service: 'db', policy: breakGlassPolicy }, 'm');
  expect(told).toEqual([
    { principal: 'spiffe://td1/oncall', service: 'api', node: 'n' },
    { principal: 'spiffe://td1/oncall', service: 'db', node: 'm' },
  ]);
  clock.advance(60_000);
  watch.see({ ...call, policy: breakGlassPolicy }, 'n');
  expect(told).toHaveLength(3);
});
