// Who comes to the admin API is in the audit log: once for each caller, address and credential in an hour, and no more than a log bears.
import { expect, it } from 'vitest';
import { createSignedIn } from '../../src/admin/signed-in.ts';
import type { AuditEvent } from '../../src/audit/audit-event.ts';
import { silentLog } from '../../src/lib/log.ts';
import { startAdmin } from '../support/admin-harness.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const token = { authorization: 'Bearer x' };
const ann = { name: 'ann', role: 'editor', rawResources: false } as const;

function start() {
  const clock = createFakeClock();
  const told: AuditEvent[] = [];
  const audit = { append: async (event: AuditEvent) => void told.push(event) };
  return { clock, told, signedIn: createSignedIn({ clock, log: silentLog, audit } as never) };
}

it('is recorded once, and again after an hour, or from elsewhere', () => {
  const { clock, told, signedIn } = start();
  for (let time = 0; time < 5; time += 1) signedIn.note(ann, '10.0.0.1', token);
  expect(told).toEqual([
    { kind: 'admin-signed-in', author: 'ann', role: 'editor', address: '10.0.0.1', credential: 'token' },
  ]);
  signedIn.note(ann, '10.0.0.2', token);
  signedIn.note(ann, '10.0.0.1', {});
  signedIn.note(ann, '10.0.0.1', { session: { header: 'x', cookies: 'y' } });
  expect(told.slice(2)).toMatchObject([{ credential: 'certificate' }, { credential: 'session' }]);
  clock.advance(3_599_999);
  signedIn.note(ann, '10.0.0.1', token);
  expect(told).toHaveLength(4);
  clock.advance(1);
  signedIn.note(ann, '10.0.0.1', token);
  expect(told).toHaveLength(5);
});

it('of as many addresses as somebody likes, sixty a minute', () => {
  const { clock, told, signedIn } = start();
  for (let at = 0; at < 5000; at += 1) signedIn.note(ann, `10.0.${at >> 8}.${at & 255}`, token);
  expect(told).toHaveLength(60);
  clock.advance(60_000);
  signedIn.note(ann, '10.9.9.9', token);
  expect(told).toHaveLength(61);
});

it('is in the log of the admin API for whoever showed a credential, and for nobody else', async () => {
  const admin = await startAdmin();
  try {
    await admin.call('/readyz');
    await admin.call('/v1/status', { token: 'not-the-token' });
    await admin.call('/v1/status');
    await admin.call('/v1/history');
    const found = (await admin.deps.audit.read(50)).records.flatMap(({ event }) =>
      event.kind === 'admin-signed-in' ? [event] : [],
    );
    expect(found).toEqual([
      { kind: 'admin-signed-in', author: 'operator', role: 'admin', address: '127.0.0.1', credential: 'token' },
    ]);
  } finally {
    await admin.close();
  }
});
