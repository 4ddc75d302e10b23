// The audit log in a folder: what was changed, put in, taken out or cut off is seen, at once and after a restart, and it may be as long
// as it likes.

import { createHash } from 'node:crypto';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type AuditLog, type AuditLogOptions, openAuditLog } from '../../src/audit/audit-log.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import type { Table } from '../../src/lib/table.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { figure, qualifying } from '../support/figure.ts';
import { heardLog } from '../support/heard-log.ts';
import { createMemoryTable } from '../support/memory-table.ts';

let folder: string;
let file: string;
let table: Table;
const key = new Redacted('seal');
const open = (more: Partial<AuditLogOptions> = {}): Promise<AuditLog> =>
  openAuditLog({ file, clock: createFakeClock(), log: silentLog, key, table, ...more });
const token = (spiffeId: string) => ({ kind: 'token-created', author: 'operator', spiffeId }) as const;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-audit-'));
  file = join(folder, 'audit.jsonl');
  table = createMemoryTable();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('keeps events in a chain that goes on after a restart, for its owner only', async () => {
  await (await open()).append(token('spiffe://td/a'));
  const again = await open();
  await again.append(token('spiffe://td/b'));
  const { records, brokenAt } = await again.read(10);
  expect(brokenAt).toBeUndefined();
  expect(records.map(({ number, event }) => [number, event.kind])).toEqual([
    [1, 'token-created'],
    [2, 'token-created'],
  ]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect((await again.read(1)).records.map(({ number }) => number)).toEqual([2]);
});

/** All hashes right, as whoever rewrites it would make them; he has no key. */
function rehashed(lines: readonly string[]): readonly string[] {
  let previous = '0'.repeat(64);
  return lines.map((line, index) => {
    const { time, event, seal } = JSON.parse(line);
    const text = JSON.stringify([index + 1, time, event]);
    previous = createHash('sha256').update(previous).update(text).update(seal).digest('hex');
    return JSON.stringify({ v: 2, number: index + 1, time, event, seal, hash: previous });
  });
}

it('sees what was changed, taken out, put in or cut off, also with every hash made anew, and after restarts', async () => {
  const log = await open();
  for (const name of ['a', 'b', 'c']) await log.append(token(`spiffe://td/${name}`));
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  const other = lines.map((line) => line.replace('td/b', 'td/x'));
  const cases: readonly (readonly [what: readonly string[], at: number])[] = [
    [other, 2],
    [rehashed(other), 2],
    [lines.filter((_, index) => index !== 1), 2],
    [rehashed(lines.filter((_, index) => index !== 1)), 2],
    [[...lines.slice(0, 1), 'no JSON', ...lines.slice(1)], 2],
    [lines.slice(0, 2), 3],
    [lines.slice(1), 1],
    [[], 1],
  ];
  for (const [changed, at] of cases) {
    const text = changed.map((line) => `${line}\n`).join('');
    writeFileSync(file, text);
    expect(await log.read(10)).toMatchObject({ brokenAt: at });
    const kept = createMemoryTable();
    await kept.set('head', (await table.get('head')) ?? null);
    const [first, second] = [await open({ table: kept }), await open({ table: kept })];
    expect([changed.length, (await first.read(10)).brokenAt]).toEqual([changed.length, at]);
    await second.append(token('spiffe://td/later'));
    expect((await (await open({ table: kept })).read(10)).brokenAt).toBe(at);
  }
  writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
  expect((await log.read(10)).brokenAt).toBeUndefined();
});

it('says so where nobody knows how it ended', async () => {
  await (await open()).append(token('spiffe://td/a'));
  const { records, brokenAt } = await (await open({ table: createMemoryTable() })).read(10);
  expect(brokenAt).toBeUndefined();
  expect(records.map(({ event }) => event.kind)).toEqual(['token-created', 'checkpoint-missing']);
});

it('drops half a line that a crash left, and goes on', async () => {
  await (await open()).append(token('spiffe://td/a'));
  appendFileSync(file, '{"number":2,"ti');
  const log = await open();
  await log.append(token('spiffe://td/b'));
  const { records, brokenAt } = await log.read(10);
  expect(records).toMatchObject([{ number: 1 }, { number: 2 }]);
  expect(brokenAt).toBeUndefined();
});

it('goes on in another file where one is full; none of them may be missing', async () => {
  const log = await open({ fileBytes: 1000 });
  for (let number = 0; number < 20; number++) await log.append(token(`spiffe://td/${number}`));
  const files = readdirSync(folder);
  expect(files.length).toBeGreaterThan(3);
  const again = await open({ fileBytes: 1000 });
  await again.append(token('spiffe://td/last'));
  const { records, brokenAt } = await again.read(30);
  expect(brokenAt).toBeUndefined();
  expect(records.map(({ number }) => number)).toEqual(Array.from({ length: 21 }, (_, index) => index + 1));
  rmSync(join(folder, files.filter((name) => name !== 'audit.jsonl').sort()[1] ?? ''));
  expect((await again.read(30)).brokenAt).toBeGreaterThan(1);
});

it('opens and reads a file of any size, in little memory, while others have their turn', async () => {
  const log = await open({ fileBytes: 1 << 30 });
  await log.append(token('spiffe://td/a'));
  const [line = ''] = readFileSync(file, 'utf8').split('\n');
  const many = Buffer.from(`${line}\n`.repeat(4000));
  const megabytes = qualifying ? 600 : 40;
  // Not in its chain: what counts is that it is read.
  for (let written = 0; written < megabytes * 1e6; written += many.length) appendFileSync(file, many);
  // No line of it ends.
  appendFileSync(file, Buffer.alloc(20_000_000, 0x78));
  const began = performance.now();
  const again = await open();
  expect(performance.now() - began).toBeLessThan(2000);
  await again.append(token('spiffe://td/b'));
  const before = process.memoryUsage().rss;
  let [latest, peak, at] = [0, 0, performance.now()];
  const timer = setInterval(() => {
    latest = Math.max(latest, performance.now() - at);
    at = performance.now();
    peak = Math.max(peak, process.memoryUsage().rss - before);
  }, 5);
  const { records, brokenAt } = await again.read(100);
  clearInterval(timer);
  figure('auditMegabytes', megabytes);
  figure('auditTurnMs', Math.round(latest));
  figure('auditMemoryMb', Math.round(peak / 1e6));
  expect(brokenAt).toBe(2);
  expect(records).toHaveLength(100);
  expect(latest).toBeLessThan(500);
  expect(peak).toBeLessThan(150e6);
}, 180_000);

it('fails when it cannot be written', async () => {
  const log = await open();
  mkdirSync(file);
  await expect(log.append(token('spiffe://td/a'))).rejects.toThrow(/cannot write the audit log/);
});

it('finds what is recent in a file whose time of change is kept in whole seconds', async () => {
  const log = await open();
  await log.append(token('spiffe://td/a'));
  const [record] = (await log.read(1)).records;
  const at = Date.parse(record?.time ?? '');
  const coarse = new Date(at - 1500);
  utimesSync(file, coarse, coarse);
  const found: number[] = [];
  for await (const { number } of log.since(at)) found.push(number);
  expect(found).toEqual([1]);
});

it('is known to be broken while it runs, soon after somebody cut it off, added to it or removed it', async () => {
  for (const change of [
    () => rmSync(file),
    () => truncateSync(file, 10),
    () => appendFileSync(file, 'x'),
    () => writeFileSync(file, ''),
  ]) {
    rmSync(file, { force: true });
    const errors: string[] = [];
    const log = await open({
      table: createMemoryTable(),
      log: heardLog({ error: (_, message) => void errors.push(message) }),
    });
    await log.append(token('spiffe://td/a'));
    await log.append(token('spiffe://td/b'));
    expect([log.fault(), errors]).toEqual([undefined, []]);
    change();
    await log.append(token('spiffe://td/c'));
    await expect.poll(() => log.fault()?.kind, { timeout: 4000, interval: 10 }).toBeDefined();
    expect(errors).toEqual(['somebody else wrote to the audit log, or removed it']);
  }
});
