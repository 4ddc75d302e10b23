// Events that nobody waits for: what could not be written is counted, and the log says so itself as soon as it can.
import { expect, it } from 'vitest';
import type { AuditEvent } from '../../src/audit/audit-event.ts';
import { createBackgroundRecorder } from '../../src/audit/background.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import { createLifecycle } from '../../src/lib/lifecycle.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { heardLog } from '../support/heard-log.ts';

const event: AuditEvent = { kind: 'admin-token-revoked', author: 'operator', name: 'ann' };

function start() {
  const clock = createFakeClock();
  const lifecycle = createLifecycle();
  const written: AuditEvent[] = [];
  const errors: string[] = [];
  const disk = { full: false };
  const append = async (one: AuditEvent): Promise<void> => {
    if (disk.full) throw new CellwallError('unavailable', 'the disk is full');
    written.push(one);
  };
  const log = heardLog({ error: (_, message) => void errors.push(message) });
  return {
    clock,
    lifecycle,
    written,
    errors,
    disk,
    recorder: createBackgroundRecorder({ append, clock, log, lifecycle }),
  };
}
const turns = () => new Promise((resolve) => setImmediate(resolve));

it('writes what it can', async () => {
  const { written, recorder } = start();
  recorder.note(event);
  await turns();
  expect([written, recorder.lost()]).toEqual([[event], 0]);
});

it('tells how many are missing, of what kinds and since when, and complains once', async () => {
  const { clock, written, errors, disk, recorder } = start();
  disk.full = true;
  recorder.note(event);
  recorder.note({ kind: 'store-sealed', revision: 1 });
  recorder.note(event);
  await turns();
  const since = new Date(clock.now()).toISOString();
  clock.advance(30_000);
  await turns();
  expect([written, recorder.lost(), errors.length]).toEqual([[], 3, 1]);
  disk.full = false;
  clock.advance(5000);
  await turns();
  const kinds = ['admin-token-revoked', 'store-sealed'];
  expect(written).toEqual([{ kind: 'records-lost', count: 3, kinds, since, reason: 'the disk is full' }]);
  clock.advance(60_000);
  await turns();
  expect(written).toHaveLength(1);
});

it('tells it at the latest when the process ends', async () => {
  const { lifecycle, written, disk, recorder } = start();
  disk.full = true;
  recorder.note(event);
  await turns();
  disk.full = false;
  recorder.note(event);
  await lifecycle.close();
  expect(written.map(({ kind }) => kind)).toEqual([event.kind, 'records-lost']);
});
