// Whoever tries too often without a token is silenced; an IPv6 network of somebody's own does not make them many.
import { expect, it } from 'vitest';
import { createFailedTries } from '../../src/admin/failed-tries.ts';
import type { AuditEvent } from '../../src/audit/audit-event.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createFakeClock } from '../support/fake-clock.ts';

it('counts the addresses of an IPv6 /64 as one, and logs each as it came', () => {
  const told: AuditEvent[] = [];
  const audit = { append: async (event: AuditEvent) => void told.push(event) };
  const tries = createFailedTries({ clock: createFakeClock(), log: silentLog, audit } as never);
  const codes = Array.from(
    { length: 12 },
    (_, index) => tries.refused({ address: `2001:db8:0:1::${index + 1}` }, 'no').code,
  );
  expect(new Set(codes.slice(0, 10))).toEqual(new Set(['unauthenticated']));
  expect(codes.slice(10)).toEqual(['resource_exhausted', 'resource_exhausted']);
  expect(told.map((event) => 'address' in event && event.address)).toEqual(['2001:db8:0:1::1', '2001:db8:0:1::10']);
  expect(tries.refused({ address: '2001:db8:0:2::1' }, 'no').code).toBe('unauthenticated');
});

it('counts somebody who is nobody here by name alone: whoever shares an address is not silenced', () => {
  const told: AuditEvent[] = [];
  const audit = { append: async (event: AuditEvent) => void told.push(event) };
  const tries = createFailedTries({ clock: createFakeClock(), log: silentLog, audit } as never);
  for (let times = 0; times < 50; times += 1) tries.nobody('oidc:eve', '10.0.0.1', 'no-role');
  tries.nobody('oidc:bob', '10.0.0.1', 'no-role');
  const about = { kind: 'admin-refused', address: '10.0.0.1' };
  expect(told).toEqual([
    { ...about, named: 'oidc:eve', failures: 1 },
    { ...about, named: 'oidc:eve', failures: 10 },
    { ...about, named: 'oidc:bob', failures: 1 },
  ]);
  expect(tries.refused({ address: '10.0.0.1' }, 'no').code).toBe('unauthenticated');
});
