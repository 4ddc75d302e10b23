// The log's records after a place in it: all of them, once, in order, while it is written and goes on in other files.
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type AuditLog, openAuditLog } from '../../src/audit/audit-log.ts';
import { type LogPlace, recordsAfter } from '../../src/audit/follow-files.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createMemoryTable } from '../support/memory-table.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-follow-'));
  file = join(folder, 'audit.jsonl');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const event = { kind: 'admin-token-revoked', author: 'operator', name: 'ann' } as const;
const open = (fileBytes?: number): Promise<AuditLog> =>
  openAuditLog({
    ...{ file, clock: createFakeClock(), log: silentLog, key: new Redacted('seal'), table: createMemoryTable() },
    ...(fileBytes === undefined ? {} : { fileBytes }),
  });
const write = async (log: AuditLog, count: number): Promise<void> => {
  for (let at = 0; at < count; at += 1) await log.append(event);
};

async function take(place: LogPlace | undefined, most = Number.POSITIVE_INFINITY) {
  const numbers: number[] = [];
  let lost = 0;
  let last = place;
  const onLost = (): void => {
    lost += 1;
  };
  for await (const one of recordsAfter(file, place, onLost)) {
    numbers.push(one.record.number);
    expect(JSON.parse(one.line)).toEqual(one.record);
    last = one.place;
    if (numbers.length >= most) break;
  }
  return { numbers, lost, last };
}
const upTo = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at);

it('whatever was written and read in between, and whether the place is remembered or looked for', async () => {
  const step = fc.record({ write: fc.nat({ max: 8 }), read: fc.integer({ min: 1, max: 12 }), forget: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 300, max: 2500 }),
      async (steps, size) => {
        rmSync(folder, { recursive: true });
        folder = mkdtempSync(join(tmpdir(), 'cellwall-follow-'));
        file = join(folder, 'audit.jsonl');
        const log = await open(size);
        const all: number[] = [];
        let place: LogPlace | undefined;
        for (const { write: count, read, forget } of steps) {
          await write(log, count);
          if (forget && place !== undefined) place = { number: place.number, hash: place.hash };
          const { numbers, lost, last } = await take(place, read);
          expect(lost).toBe(0);
          all.push(...numbers);
          place = last;
        }
        all.push(...(await take(place)).numbers);
        expect(all).toEqual(upTo(1, log.head().number));
      },
    ),
    { numRuns: 15 },
  );
}, 60_000);

it('comes from the first again where the log does not have the place, or from where the log lost its end', async () => {
  const log = await open();
  await write(log, 3);
  const all = [1, 2, 3];
  expect(await take({ number: 2, hash: 'another' })).toMatchObject({ numbers: all, lost: 1 });
  expect(await take({ number: 9, hash: 'x' })).toMatchObject({ numbers: all, lost: 1 });
  const [first = ''] = readFileSync(file, 'utf8').split('\n');
  const { hash } = log.head();
  writeFileSync(file, `${first}\n`);
  const cut = await open();
  await cut.append({ kind: 'log-cut', found: 1, expected: 3 });
  await write(cut, 4);
  expect(await take({ number: 3, hash })).toMatchObject({ numbers: [3, 4, 5, 6, 7], lost: 1 });
  rmSync(file);
  expect(await take({ number: 3, hash: log.head().hash })).toMatchObject({ numbers: [], lost: 1 });
});

it('ends before a line that is being written, and passes over one that is no record', async () => {
  const log = await open();
  await write(log, 3);
  const lines = readFileSync(file, 'utf8');
  appendFileSync(file, '{"v":2,"numb');
  const { numbers, last } = await take(undefined);
  expect(numbers).toEqual([1, 2, 3]);
  expect((await take(last)).numbers).toEqual([]);
  writeFileSync(file, lines.replace('"number":2', '"number": 2'));
  expect((await take(undefined)).numbers).toEqual([1, 3]);
});
