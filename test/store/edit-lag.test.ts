// How long ago an edit was written that comes into force: by the disk's clock, and only where it did not wait for somebody.

import { mkdirSync, mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createDirectoryStore } from '../../src/store/directory.ts';
import { createMemoryStore } from '../../src/store/memory.ts';
import type { Store, StoreEvent } from '../../src/store/store.ts';
import { cellYaml, puts } from '../support/documents.ts';
import { eventually } from '../support/eventually.ts';
import { figure } from '../support/figure.ts';
import { acceptsAll } from '../support/judged.ts';

let folder: string;
let store: Store;
let events: Extract<StoreEvent, { kind: 'state' }>[];

const open = async (): Promise<void> => {
  store = await createDirectoryStore({
    ...{ documents: join(folder, 'documents'), state: join(folder, 'state'), check: acceptsAll },
    ...{ log: silentLog, clock: systemClock, quietMs: 20, settleMs: 300, pollMs: 500 },
  });
  store.watch((event) => {
    if (event.kind === 'state') events.push(event);
  });
};

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-lag-'));
  mkdirSync(join(folder, 'documents'));
  writeFileSync(join(folder, 'documents', 'a.yaml'), cellYaml('cell-1', 1));
  events = [];
  await open();
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

const inForce = (revision: number) =>
  eventually(`revision ${revision}`, () => events.find(({ state }) => state.revision === revision));
const write = (text: string): void => {
  const [file, fresh] = [join(folder, 'documents', 'a.yaml'), join(folder, 'fresh')];
  writeFileSync(fresh, text);
  // As a tool that restores an old copy does: its content is old, its arrival is not.
  utimesSync(fresh, 1, 1);
  renameSync(fresh, file);
};

it('is told of edits of files, since they were put there', async () => {
  const before = Date.now();
  write(cellYaml('cell-1', 2));
  const { arrival } = await inForce(2);
  expect(arrival?.by).toBe('files');
  expect(arrival?.lagMs).toBeGreaterThan(0);
  expect(arrival?.lagMs).toBeLessThanOrEqual(Date.now() - before + 50);
  figure('editLagMs', Math.round(arrival?.lagMs ?? 0));
});

it('is not told of what waited until somebody corrected it, nor of what was changed while nobody looked', async () => {
  write('kind: [');
  await eventually('refused', () => store.problems().length > 0 || undefined);
  write(cellYaml('cell-1', 3));
  const corrected = await inForce(2);
  // The correction is an edit of its own.
  expect(corrected.arrival?.lagMs).toBeLessThan(10_000);
  await store.close();
  write(cellYaml('cell-1', 4));
  events = [];
  await open();
  expect(store.state()?.revision).toBe(3);
  write(cellYaml('cell-1', 5));
  expect((await inForce(4)).arrival?.lagMs).toBeGreaterThanOrEqual(0);
});

it('is not told of applies, which pass on their trace', async () => {
  await store.apply(puts(cellYaml('cell-1', 7)), { author: 'me', trace: 'what-it-is' });
  const memory = createMemoryStore({ check: acceptsAll, log: silentLog, clock: systemClock });
  memory.watch((event) => {
    if (event.kind === 'state') events.push(event);
  });
  await memory.apply(puts(cellYaml('cell-1', 7)), { author: 'me', trace: 'what-it-is' });
  expect(events).toHaveLength(2);
  for (const event of events) {
    expect(event.trace).toBe('what-it-is');
    expect(event.arrival).toBeUndefined();
  }
  await memory.close();
});
