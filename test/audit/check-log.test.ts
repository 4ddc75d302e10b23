// What was checked once is not read again, and nothing that somebody does to it goes unnoticed all the same.
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { auditFiles } from '../../src/audit/audit-files.ts';
import { type AuditLog, openAuditLog } from '../../src/audit/audit-log.ts';
import { createSealer } from '../../src/audit/audit-record.ts';
import { createLogCheck, type LogCheck, type WhichKinds } from '../../src/audit/check-log.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { qualifying } from '../support/figure.ts';
import { createMemoryTable } from '../support/memory-table.ts';

const root = mkdtempSync(join(tmpdir(), 'cellwall-check-log-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const key = new Redacted('seal');
const { holds } = createSealer(key);
const everything: WhichKinds = () => true;

let file: string;
let log: AuditLog;
let check: LogCheck;
beforeEach(async () => {
  file = join(mkdtempSync(join(root, 'log-')), 'audit.jsonl');
  const deps = { file, clock: createFakeClock(), log: silentLog, key, table: createMemoryTable() };
  log = await openAuditLog({ ...deps, fileBytes: 2000 });
  check = opened();
  await write(60);
});

function opened(): LogCheck {
  return createLogCheck({ file, holds, end: async () => log.head() });
}
async function write(count: number): Promise<void> {
  const token = (at: number) => ({ author: 'ann', spiffeId: `spiffe://td1/service/${at}` });
  const appended = Array.from({ length: count }, (_, at) =>
    log.append(at % 10 === 0 ? { kind: 'store-sealed', revision: at } : { kind: 'token-created', ...token(at) }),
  );
  await Promise.all(appended);
}
const files = () => auditFiles(file);
/** As somebody would who wants nobody to see it. */
function rewrite(path: string, change: (bytes: Buffer) => Buffer): void {
  const { atime, mtime } = statSync(path);
  writeFileSync(path, change(readFileSync(path)));
  utimesSync(path, atime, mtime);
}
const flip = (at: number) => (bytes: Buffer) => {
  const changed = Buffer.from(bytes);
  changed[at % changed.length] = (changed[at % changed.length] ?? 0) ^ 1;
  return changed;
};

it('reads what is new, and not what was right', async () => {
  expect(files().length).toBeGreaterThan(5);
  const first = await check.look(5, everything);
  expect(first).toMatchObject({ walked: 60 });
  expect(first.fault).toBeUndefined();
  const again = await check.look(5, everything);
  expect(again.walked).toBeLessThan(15);
  expect(again.records).toEqual(first.records);
  await write(3);
  const later = await check.look(60, everything);
  expect(later.walked).toBeLessThan(20);
  expect(later.records.map(({ number }) => number)).toEqual(Array.from({ length: 60 }, (_, at) => at + 4));
});

it('finds the last ones that are wanted in what it does not check again', async () => {
  await check.look(0, everything);
  const { records } = await check.look(5, ({ kind }) => kind === 'store-sealed');
  expect(records.map(({ number }) => number)).toEqual([11, 21, 31, 41, 51]);
  expect((await check.look(1000, ({ kind }) => kind === 'store-sealed')).records).toHaveLength(6);
  expect((await check.look(0, everything)).records).toEqual([]);
});

it('notices a byte that was changed in it, with its size and its time as before; and that it was put right', async () => {
  await check.look(0, everything);
  const [path = ''] = files();
  const before = readFileSync(path);
  rewrite(path, flip(300));
  expect((await check.look(0, everything)).fault).toMatchObject({ file: path });
  expect((await check.look(0, everything)).fault).toMatchObject({ file: path });
  rewrite(path, () => before);
  expect((await check.look(0, everything)).fault).toBeUndefined();
});

it('notices files that are gone, exchanged, put in, or end early', async () => {
  const [first = '', second = '', third = ''] = files();
  const aside = join(root, 'aside');
  const acts: Readonly<Record<string, readonly [act: () => void, undo: () => void]>> = {
    gone: [() => renameSync(second, aside), () => renameSync(aside, second)],
    exchanged: [() => swap(first, third), () => swap(first, third)],
    'put in': [
      () => copyFileSync(second, second.replace(/\d{12}/, '000000000001')),
      () => rmSync(second.replace(/\d{12}/, '000000000001')),
    ],
    'the end gone': [() => renameSync(file, aside), () => renameSync(aside, file)],
  };
  function swap(a: string, b: string): void {
    renameSync(a, aside);
    renameSync(b, a);
    renameSync(aside, b);
  }
  for (const [what, [act, undo]] of Object.entries(acts)) {
    expect((await check.look(0, everything)).fault, `before: ${what}`).toBeUndefined();
    act();
    expect((await check.look(0, everything)).fault, what).toBeDefined();
    undo();
  }
  expect((await check.look(0, everything)).fault).toBeUndefined();
});

it('says what a check of everything says, whatever was done between two questions', async () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('write' as const), count: fc.integer({ min: 1, max: 12 }) }),
    fc.record({ do: fc.constant('flip' as const), which: fc.nat({ max: 20 }), at: fc.nat({ max: 5000 }) }),
    fc.record({ do: fc.constant('look' as const), wanted: fc.nat({ max: 90 }), sealed: fc.boolean() }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 8 }), async (steps) => {
      for (const one of [...steps, { do: 'look', wanted: 30, sealed: true } as const]) {
        if (one.do === 'write') await write(one.count);
        // Twice is as it was.
        else if (one.do === 'flip') {
          const path = files()[one.which % files().length] ?? file;
          if (path !== file) rewrite(path, flip(one.at));
        } else {
          const which: WhichKinds = ({ kind }) => !one.sealed || kind === 'store-sealed';
          const { walked: _, ...told } = await check.look(one.wanted, which);
          const { walked: __, ...expected } = await opened().look(one.wanted, which);
          expect(told).toEqual(expected);
        }
      }
    }),
    { numRuns: qualifying ? 40 : 12 },
  );
}, 240_000);
