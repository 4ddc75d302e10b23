// Edits of the directory that may not come into force yet: what stays, what goes on, and that nothing is lost.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { changedKeys } from '../../src/model/changed-keys.ts';
import { createDirectoryStore } from '../../src/store/directory.ts';
import type { Holding, StateCheck } from '../../src/store/judges.ts';
import type { Store } from '../../src/store/store.ts';
import { cellYaml, keyOf, puts, serviceYaml } from '../support/documents.ts';
import { eventually } from '../support/eventually.ts';
import { acceptsAll } from '../support/judged.ts';

const author = 'tester';
let folder: string;
let documents: string;
let held: boolean;
let told: Set<() => void>;
let open: Store[];

/** Holds every cell that becomes number 13. */
const holding: Holding = {
  hold({ documents: before }, { documents: after }) {
    const changed = new Set<string>(changedKeys(before, after));
    const bad = after.filter(
      ({ key, document }) => held && changed.has(key) && document.kind === 'Cell' && document.spec.id === 13,
    );
    if (bad.length === 0) return undefined;
    return {
      keep: bad.map(({ key }) => key),
      problems: bad.map(({ key, locate }) => {
        return { severity: 'error', code: 'held', message: `${key} waits`, source: locate(['spec', 'id']) } as const;
      }),
    };
  },
  release() {},
  watch(listener) {
    told.add(listener);
    return () => told.delete(listener);
  },
};
/** Cells 1 and 2 are there together, or neither. */
const check: StateCheck = (all) => {
  const pair = all.filter(({ document }) => document.kind === 'Cell' && [1, 2].includes(document.spec.id));
  const [one] = pair;
  if (pair.length !== 1 || one === undefined) return { problems: [] };
  return { problems: [{ severity: 'error', code: 'pair', message: 'one of two', source: one.source }] };
};

async function openStore(judge: StateCheck = acceptsAll): Promise<Store> {
  const state = join(folder, 'state');
  const deps = {
    documents,
    state,
    check: judge,
    holding,
    log: silentLog,
    clock: systemClock,
    pollMs: 60_000,
    settleMs: 300,
  };
  const store = await createDirectoryStore(deps);
  open.push(store);
  return store;
}
const write = (name: string, text: string): void => writeFileSync(join(documents, name), text);
const read = (name: string): string => readFileSync(join(documents, name), 'utf8');
const problem = (store: Store) => eventually('a problem', () => store.problems()[0]);
const well = (store: Store) => eventually('no problem', () => store.problems().length === 0 || undefined);
const textOf = (store: Store, key: string) => store.state()?.documents.find((document) => document.key === key)?.text;
const admit = (): void => {
  held = false;
  for (const listener of told) listener();
};

beforeEach(() => {
  [held, told, open] = [true, new Set(), []];
  folder = mkdtempSync(join(tmpdir(), 'cellwall-held-'));
  documents = join(folder, 'documents');
  mkdirSync(documents);
  write('all.yaml', `${cellYaml('a', 5)}---\n${cellYaml('b', 6)}`);
});
afterEach(async () => {
  for (const store of open) await store.close();
  rmSync(folder, { recursive: true, force: true });
});

it('keeps the document as it was, takes the rest of the edit, and all of it when it may', async () => {
  const store = await openStore();
  write('all.yaml', `${cellYaml('a', 13)}---\n${cellYaml('b', 7)}---\n${serviceYaml('new')}`);
  expect(await problem(store)).toMatchObject({ code: 'held', source: { file: 'all.yaml', line: 4 } });
  expect(store.state()?.revision).toBe(2);
  expect(store.state()?.documents.map(({ text }) => text.trim())).toEqual(
    [cellYaml('a', 5), cellYaml('b', 7), serviceYaml('new')].map((text) => text.trim()),
  );
  admit();
  await well(store);
  expect(store.state()?.revision).toBe(3);
  expect(textOf(store, 'Cell/a')).toBe(cellYaml('a', 13));
  const history = await store.history();
  expect(history.map(({ changes }) => changes.map(({ key }) => key))).toEqual([['Cell/a'], ['Cell/b', 'Service/new']]);
});

it('forgets it when the edit is reverted', async () => {
  const store = await openStore();
  write('all.yaml', `${cellYaml('a', 13)}---\n${cellYaml('b', 6)}`);
  await problem(store);
  expect(store.state()?.revision).toBe(1);
  write('all.yaml', `${cellYaml('a', 5)}---\n${cellYaml('b', 6)}`);
  await well(store);
  expect(store.state()?.revision).toBe(1);
});

it('is no way around at a restart', async () => {
  let store = await openStore();
  write('all.yaml', `${cellYaml('a', 13)}---\n${cellYaml('b', 7)}`);
  await problem(store);
  for (let restart = 0; restart < 2; restart++) {
    await store.close();
    store = await openStore();
    expect(await problem(store)).toMatchObject({ code: 'held', source: { file: 'all.yaml', line: 4 } });
    expect(store.state()?.revision).toBe(2);
    expect(textOf(store, 'Cell/a')).toBe(cellYaml('a', 5));
    expect(textOf(store, 'Cell/b')).toBe(cellYaml('b', 7));
  }
  // Edited while nobody looked.
  await store.close();
  write('all.yaml', `${cellYaml('a', 13)}---\n${cellYaml('b', 13)}`);
  store = await openStore();
  expect(store.problems()).toHaveLength(2);
  expect(textOf(store, 'Cell/b')).toBe(cellYaml('b', 7));
  expect(read('all.yaml')).toContain('id: 13');
});

it('lets applies through to the same file, and loses neither', async () => {
  const store = await openStore();
  write('all.yaml', `# ours\n${cellYaml('a', 13)}---\n${cellYaml('b', 6)}`);
  await problem(store);
  expect(await store.apply(puts(cellYaml('b', 8)), { author })).toMatchObject({ kind: 'applied', changed: ['Cell/b'] });
  expect(read('all.yaml')).toBe(`# ours\n${cellYaml('a', 13)}---\n${cellYaml('b', 8)}`);
  expect(textOf(store, 'Cell/a')).toBe(cellYaml('a', 5));
  expect(await store.apply([{ op: 'delete', key: keyOf('Cell/b') }], { author })).toMatchObject({ kind: 'applied' });
  expect(store.state()?.documents.map(({ text }) => text)).toEqual([cellYaml('a', 5)]);
  expect(store.problems()).toHaveLength(1);
  // Another text than that which waits would overwrite somebody's edit.
  await expect(store.apply(puts(cellYaml('a', 9)), { author })).rejects.toMatchObject({
    code: 'aborted',
    hint: expect.stringContaining('revert it'),
  });
  await expect(store.apply([{ op: 'delete', key: keyOf('Cell/a') }], { author })).rejects.toMatchObject({
    code: 'aborted',
  });
  expect(read('all.yaml')).toContain('id: 13');
});

it('is in force once the same text is applied, whatever else waits', async () => {
  const store = await openStore();
  write('all.yaml', `${cellYaml('a', 13)}---\n${cellYaml('b', 13)}`);
  await eventually('two problems', () => store.problems().length === 2 || undefined);
  expect(await store.apply(puts(cellYaml('a', 13)), { author })).toMatchObject({ kind: 'applied', revision: 2 });
  expect(read('all.yaml')).toBe(`${cellYaml('a', 13)}---\n${cellYaml('b', 13)}`);
  await eventually('one problem', () => store.problems().length === 1 || undefined);
  expect(textOf(store, 'Cell/a')).toBe(cellYaml('a', 13));
  expect(textOf(store, 'Cell/b')).toBe(cellYaml('b', 6));
  await store.close();
  const again = await openStore();
  expect(textOf(again, 'Cell/a')).toBe(cellYaml('a', 13));
  expect(textOf(again, 'Cell/b')).toBe(cellYaml('b', 6));
});

it('holds all of an edit whose rest does not stand without it', async () => {
  write('all.yaml', `${cellYaml('a', 1)}---\n${cellYaml('b', 2)}`);
  const store = await openStore(check);
  // With `a` as it was, 1 would be there without 2.
  write('all.yaml', `${cellYaml('a', 13)}---\n${serviceYaml('new')}`);
  await problem(store);
  expect(store.problems().map(({ code }) => code)).toEqual(['held', 'held-with-it']);
  expect(store.state()?.revision).toBe(1);
  expect(store.state()?.documents.map(({ key }) => key)).toEqual(['Cell/a', 'Cell/b']);
  // One of them that is urgent can be applied by itself.
  expect(await store.apply(puts(serviceYaml('new')), { author, urgent: true })).toMatchObject({ kind: 'applied' });
  expect(read('all.yaml')).toBe(`${cellYaml('a', 13)}---\n${serviceYaml('new')}`);
  await store.close();
  const again = await openStore(check);
  expect(again.state()?.documents.map(({ key }) => key)).toEqual(['Cell/a', 'Cell/b', 'Service/new']);
  expect(again.state()?.revision).toBe(2);
  admit();
  await well(again);
  expect(again.state()?.documents.map(({ key }) => key)).toEqual(['Cell/a', 'Service/new']);
});

it('gives way to a broken file, and comes back after it', async () => {
  const store = await openStore();
  write('all.yaml', `${cellYaml('a', 13)}---\n${cellYaml('b', 6)}`);
  await problem(store);
  write('more.yaml', 'a: [');
  await eventually('broken', () => store.problems()[0]?.source.file === 'more.yaml' || undefined);
  expect(textOf(store, 'Cell/a')).toBe(cellYaml('a', 5));
  write('more.yaml', serviceYaml('more'));
  await eventually('held again', () => store.problems()[0]?.code === 'held' || undefined);
  expect(textOf(store, 'Service/more')).toBe(serviceYaml('more'));
  expect(textOf(store, 'Cell/a')).toBe(cellYaml('a', 5));
});
