// Records reach a sink in order and at least once: over failures, restarts and files that the log goes on in; nobody waits for it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type AuditLog, openAuditLog } from '../../src/audit/audit-log.ts';
import { RefusedCall } from '../../src/lib/bounded-call.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import type { Json } from '../../src/lib/table.ts';
import { type Delivery, deliver } from '../../src/sinks/deliver.ts';
import type { AuditSink } from '../../src/sinks/sink.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { heardLog } from '../support/heard-log.ts';
import { createMemoryTable } from '../support/memory-table.ts';

let folder: string;
let file: string;
let clock: FakeClock;
let audit: AuditLog;
let kept: Map<string, Json>;
let warned: string[];
/** What arrived, one list for each call. */
let sent: number[][];
let works: boolean;
const open: Delivery[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-deliver-'));
  file = join(folder, 'audit.jsonl');
  clock = createFakeClock();
  kept = new Map();
  [warned, sent, works] = [[], [], true];
  const table = createMemoryTable();
  audit = await openAuditLog({ file, clock, log: silentLog, key: new Redacted('seal'), table, fileBytes: 2000 });
});
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
  rmSync(folder, { recursive: true, force: true });
});

const event = { kind: 'admin-token-revoked', author: 'operator', name: 'ann' } as const;
const sink: AuditSink = {
  async send(records) {
    if (!works) throw new CellwallError('unavailable', 'away');
    sent.push(records.map(({ record }) => record.number));
  },
};
function start(given: AuditSink = sink): Delivery {
  const log = heardLog({
    warn: (_, message) => void warned.push(message),
    info: (_, message) => void warned.push(message),
  });
  const at = { file, audit, places: createMemoryTable(kept), key: 'k', clock, log };
  const delivery = deliver({ name: 'test', sink: given, ...at });
  open.push(delivery);
  return delivery;
}
const write = async (count: number): Promise<void> => {
  for (let at = 0; at < count; at += 1) await audit.append(event);
};
/** Lets what waits for the disk go on, and time pass for the rest. */
const until = (condition: () => boolean, ms = 250): Promise<void> =>
  expect
    .poll(
      () => {
        if (!condition()) clock.advance(ms);
        return condition();
      },
      { timeout: 4000, interval: 10 },
    )
    .toBe(true);
const numbers = (count: number, from = 1) => Array.from({ length: count }, (_, at) => from + at);

it('gets what is there, what comes, and what comes within a moment together', async () => {
  await write(30);
  const delivery = start();
  await until(() => sent.flat().length === 30);
  await write(5);
  await until(() => sent.flat().length === 35);
  expect(sent.flat()).toEqual(numbers(35));
  expect(sent).toHaveLength(2);
  expect(delivery.status()).toEqual({ name: 'test', waiting: 0, failures: 0 });
});

it('gets everything in order when it is back, with one complaint', async () => {
  await write(2);
  works = false;
  const delivery = start();
  await until(() => delivery.status().failures >= 4, 60_000);
  await write(2);
  expect(delivery.status()).toMatchObject({ waiting: 4, why: 'away' });
  works = true;
  await until(() => sent.flat().length === 4, 60_000);
  expect(sent.flat()).toEqual(numbers(4));
  expect(warned).toEqual([
    'a sink of the audit log does not take records: they wait',
    'a sink of the audit log takes records again',
  ]);
});

it('gets fewer at a time if it takes no more at once, and everything', async () => {
  await write(100);
  let refused = 0;
  const delivery = start({
    async send(records, signal) {
      if (records.length <= 7) return sink.send(records, signal);
      refused += 1;
      throw new RefusedCall('failed_precondition', 'too large', { status: 413, retryAfterMs: undefined });
    },
  });
  await until(() => sent.flat().length === 100);
  expect(sent.flat()).toEqual(numbers(100));
  expect(refused).toBeLessThan(10);
  expect(delivery.status()).toMatchObject({ waiting: 0, failures: 0 });
});

it('gets fewer at a time if it does not manage as many in time, and everything', async () => {
  await write(100);
  start({
    async send(records, signal) {
      if (records.length > 20) throw new CellwallError('unavailable', 'no answer in time');
      return sink.send(records, signal);
    },
  });
  await until(() => sent.flat().length === 100, 60_000);
  expect(sent.flat()).toEqual(numbers(100));
});

it('goes on after a restart where it was, with what came meanwhile', async () => {
  await write(3);
  const first = start();
  await until(() => sent.flat().length === 3);
  await first.close();
  await write(40);
  start();
  await until(() => sent.flat().length === 43);
  expect(sent.flat()).toEqual(numbers(43));
});

it('gets at the end what is there, and holds the end up only for a moment', async () => {
  const delivery = start();
  await write(3);
  await delivery.close();
  expect(sent.flat()).toEqual(numbers(3));
  await write(1);
  let asked = 0;
  const hangs = start({
    send: (_, signal) => {
      asked += 1;
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
    },
  });
  await until(() => asked === 1, 0);
  const ended = hangs.close();
  clock.advance(3000);
  await ended;
});

it('gets fewer at once where it refuses so many, as what has a limit of its own does', async () => {
  await write(60);
  const delivery = start({
    async send(records) {
      if (records.length > 7) throw new CellwallError('failed_precondition', 'HTTP status 413');
      sent.push(records.map(({ record }) => record.number));
    },
  });
  await until(() => sent.flat().length === 60, 60_000);
  expect(sent.flat()).toEqual(numbers(60));
  expect(delivery.status()).toMatchObject({ waiting: 0 });
});
