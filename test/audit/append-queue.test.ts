// How records come to the disk: in order, several under one fsync, each told to who appended it once it is there, and none where it is not.
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type AppendQueue, type AppendQueueOptions, createAppendQueue } from '../../src/audit/append-queue.ts';
import { type AuditRecord, createSealer, noHash, parseRecord } from '../../src/audit/audit-record.ts';
import { Redacted } from '../../src/lib/redacted.ts';

const sealer = createSealer(new Redacted('seal'));
const event = (nodeKey: string) => ({ kind: 'host-evicted', author: 'test', nodeKey }) as const;

let folder: string;
let file: string;
/** What the disk does: each call of fsync waits for its turn, and fails with what it is told. */
let syncs: { readonly pass: () => void; readonly fail: (reason: Error) => void }[];
let truncates: 'works' | 'fails';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-append-'));
  file = join(folder, 'audit.jsonl');
  syncs = [];
  truncates = 'works';
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function queue(more: Partial<AppendQueueOptions> = {}): AppendQueue {
  return createAppendQueue({
    ...{ file, sealer, now: () => 0, head: { number: 0, hash: noHash }, onHead: () => {}, fileBytes: 1 << 20 },
    openFile: async (path) => {
      const handle = await open(path, 'a', 0o600);
      return {
        stat: handle.stat.bind(handle),
        appendFile: handle.appendFile.bind(handle),
        sync: () => new Promise<void>((pass, fail) => void syncs.push({ pass, fail })),
        truncate: (length) => (truncates === 'fails' ? Promise.reject(new Error('EIO')) : handle.truncate(length)),
        close: handle.close.bind(handle),
      };
    },
    ...more,
  });
}

async function nextSync(): Promise<(typeof syncs)[number]> {
  for (;;) {
    const sync = syncs.shift();
    if (sync !== undefined) return sync;
    await setImmediate();
  }
}

function kept(): readonly AuditRecord[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const record = parseRecord(line);
      if (record === undefined) throw new Error(`no record: ${line}`);
      return record;
    });
}

function holds(records: readonly AuditRecord[]): boolean {
  return records.every(
    (record, at) => record.number === at + 1 && sealer.holds(records[at - 1]?.hash ?? noHash, record),
  );
}

it('answers each once it is on the disk, in order, and what came meanwhile goes with one more fsync', async () => {
  const log = queue();
  const told: number[] = [];
  const append = async (name: string): Promise<void> => {
    told.push((await log.append(event(name))).number);
  };
  const first = append('a');
  const sync = await nextSync();
  const others = Array.from({ length: 100 }, (_, at) => append(`b${at}`));
  await setImmediate();
  expect(told).toEqual([]);
  sync.pass();
  await first;
  expect(told).toEqual([1]);
  (await nextSync()).pass();
  await Promise.all(others);
  await log.flushed();
  expect(syncs).toEqual([]);
  expect(told).toEqual(Array.from({ length: 101 }, (_, at) => at + 1));
  expect(holds(kept())).toBe(true);
  expect(kept().map((record) => 'nodeKey' in record.event && record.event.nodeKey)).toEqual([
    'a',
    ...Array.from({ length: 100 }, (_, at) => `b${at}`),
  ]);
  expect(log.head().number).toBe(101);
});

it('is told to nobody and stands nowhere if the disk refuses it; what comes next goes on from what stands', async () => {
  const heads: number[] = [];
  const log = queue({ onHead: ({ number }) => void heads.push(number) });
  const good = log.append(event('a'));
  (await nextSync()).pass();
  await good;
  const refused = [log.append(event('b')), log.append(event('c'))];
  const answers = Promise.allSettled(refused);
  (await nextSync()).fail(new Error('ENOSPC'));
  expect((await answers).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await expect(refused[0]).rejects.toMatchObject({ code: 'unavailable' });
  expect(kept()).toHaveLength(1);
  const after = log.append(event('d'));
  (await nextSync()).pass();
  expect((await after).number).toBe(2);
  expect(holds(kept())).toBe(true);
  expect(heads).toEqual([1, 2]);
});

it('writes nothing behind half a line that could not be cut off', async () => {
  const log = queue();
  const good = log.append(event('a'));
  (await nextSync()).pass();
  await good;
  truncates = 'fails';
  const torn = log.append(event('b'));
  const answer = expect(torn).rejects.toThrow(/cannot write the audit log/);
  (await nextSync()).fail(new Error('ENOSPC'));
  await answer;
  await expect(log.append(event('c'))).rejects.toThrow(/cannot write the audit log/);
  truncates = 'works';
  const after = log.append(event('d'));
  (await nextSync()).pass();
  expect((await after).number).toBe(2);
  expect(kept().map((record) => 'nodeKey' in record.event && record.event.nodeKey)).toEqual(['a', 'd']);
  expect(holds(kept())).toBe(true);
});

it('refuses more than may wait for the disk, at once', async () => {
  const log = queue({ maxWaiting: 3 });
  const first = log.append(event('a'));
  const sync = await nextSync();
  const waiting = ['b', 'c', 'd'].map((name) => log.append(event(name)));
  await expect(log.append(event('e'))).rejects.toMatchObject({ code: 'unavailable' });
  sync.pass();
  await first;
  (await nextSync()).pass();
  expect((await Promise.all(waiting)).map(({ number }) => number)).toEqual([2, 3, 4]);
});

it('refuses what it cannot write because nobody can even look at its file, and goes on once somebody can', async () => {
  const foreign: string[] = [];
  const log = queue({ onForeign: () => void foreign.push('told') });
  const first = log.append(event('a'));
  (await nextSync()).pass();
  await first;
  const text = readFileSync(file, 'utf8');
  rmSync(file);
  symlinkSync(file, file);
  await expect(log.append(event('b'))).rejects.toMatchObject({ code: 'unavailable' });
  await expect(log.append(event('c'))).rejects.toThrow(/cannot write the audit log: ELOOP/);
  await log.flushed();
  expect(foreign).toEqual(['told']);
  rmSync(file);
  writeFileSync(file, text);
  const after = log.append(event('d'));
  (await nextSync()).pass();
  expect((await after).number).toBe(2);
  expect(holds(kept())).toBe(true);
});
