// What only the directory store does: people edit the files, too.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { writeError } from '../../src/store/directory/write-files.ts';
import { createDirectoryStore } from '../../src/store/directory.ts';
import type { Store, StoreEvent } from '../../src/store/store.ts';
import { cellYaml, keyOf, puts, serviceYaml } from '../support/documents.ts';
import { eventually } from '../support/eventually.ts';
import { acceptsAll } from '../support/judged.ts';

const author = 'tester';
let folder: string;
let documents: string;
let state: string;
let open: Store[];

async function openStore(pollMs = 60_000): Promise<Store> {
  const store = await createDirectoryStore({
    documents,
    state,
    check: acceptsAll,
    log: silentLog,
    clock: systemClock,
    pollMs,
    settleMs: 300,
  });
  open.push(store);
  return store;
}

async function reopen(store: Store): Promise<Store> {
  await store.close();
  return openStore();
}

function write(name: string, text: string): void {
  writeFileSync(join(documents, name), text);
}

function read(name: string): string {
  return readFileSync(join(documents, name), 'utf8');
}

function eventsOf(store: Store): StoreEvent[] {
  const events: StoreEvent[] = [];
  store.watch((event) => events.push(event));
  return events;
}

function atRevision(store: Store, revision: number): Promise<true> {
  return eventually(`revision ${revision}`, () => (store.state()?.revision === revision ? true : undefined), 5000);
}

beforeEach(() => {
  open = [];
  folder = mkdtempSync(join(tmpdir(), 'cellwall-directory-'));
  documents = join(folder, 'documents');
  state = join(folder, 'state');
  mkdirSync(documents);
});
afterEach(async () => {
  for (const store of open) await store.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('files that people edit', () => {
  it('are read below the directory, and taken over when they change, added or removed', async () => {
    mkdirSync(join(documents, 'cells'));
    write('cells/one.yml', cellYaml('cell-1', 1));
    write('a.yaml', serviceYaml('api'));
    const store = await openStore();
    expect(store.state()?.revision).toBe(1);
    expect(store.state()?.documents.map(({ key, source }) => [key, source.file])).toEqual([
      ['Cell/cell-1', 'cells/one.yml'],
      ['Service/api', 'a.yaml'],
    ]);
    const events = eventsOf(store);
    write('cells/one.yml', cellYaml('cell-1', 7));
    await atRevision(store, 2);
    mkdirSync(join(documents, 'new'));
    write('new/two.yaml', cellYaml('cell-2', 2));
    await atRevision(store, 3);
    rmSync(join(documents, 'a.yaml'));
    await atRevision(store, 4);
    expect(events.map(({ kind }) => kind)).toEqual(['state', 'state', 'state']);
    expect(store.state()?.documents.map(({ key }) => key)).toEqual(['Cell/cell-1', 'Cell/cell-2']);
  });

  it('come into force together: one bad file keeps the last good state, until it is right', async () => {
    write('a.yaml', cellYaml('cell-1', 1));
    const store = await openStore();
    const events = eventsOf(store);
    write('b.yaml', cellYaml('cell-2', 2));
    write('a.yaml', `${cellYaml('cell-1', 9)}bogus: 1\n`);
    await eventually('problems', () => (store.problems().length > 0 ? true : undefined));
    expect(store.problems()).toMatchObject([{ code: 'unknown-field', source: { file: 'a.yaml', line: 5, column: 1 } }]);
    expect(store.state()?.revision).toBe(1);
    expect(store.state()?.documents).toHaveLength(1);
    write('a.yaml', cellYaml('cell-1', 9));
    await atRevision(store, 2);
    expect(store.problems()).toEqual([]);
    expect(store.state()?.documents).toHaveLength(2);
    expect(events.map(({ kind }) => kind)).toEqual(['problems', 'problems', 'state']);
  });

  it('may be what editors and Kubernetes leave there', async () => {
    write('a.yaml', cellYaml('cell-1', 1));
    for (const name of ['.a.yaml.swp', 'a.yaml~', '#a.yaml#', '.#a.yaml', '4913', 'notes.txt', '.hidden.yaml'])
      write(name, 'a: [');
    mkdirSync(join(documents, '..data'));
    write('..data/b.yaml', cellYaml('cell-2', 2));
    symlinkSync('..data/b.yaml', join(documents, 'b.yaml'));
    const store = await openStore();
    expect(store.problems()).toEqual([]);
    expect(store.state()?.documents.map(({ key }) => key)).toEqual(['Cell/cell-1', 'Cell/cell-2']);
    // As vim and most others save: beside, then over it.
    write('.new', cellYaml('cell-1', 3));
    renameSync(join(documents, '.new'), join(documents, 'a.yaml'));
    await atRevision(store, 2);
  });

  it.each([
    ['a link that leads out', () => symlinkSync('/etc/hostname', join(documents, 'x.yaml')), 'unreadable-file'],
    ['what is no regular file', () => symlinkSync('.', join(documents, 'x.yaml')), 'unreadable-file'],
    ['a huge file', () => write('x.yaml', '#'.repeat(16 * 1024 * 1024 + 1)), 'unreadable-file'],
    [
      'text that is not UTF-8',
      () => writeFileSync(join(documents, 'x.yaml'), Buffer.from([0x61, 0xff])),
      'unreadable-file',
    ],
    ['a document that is in another file already', () => write('x.yaml', cellYaml('cell-1', 2)), 'duplicate-document'],
  ])('are refused: %s', async (_, make, code) => {
    write('a.yaml', cellYaml('cell-1', 1));
    const store = await openStore();
    make();
    await eventually('problems', () => (store.problems().length > 0 ? true : undefined));
    expect(store.problems()).toMatchObject([{ code, source: { file: 'x.yaml' } }]);
    expect(store.state()?.revision).toBe(1);
  });

  it('all gone at once is a volume that is not mounted, not a wish; deleting with apply is', async () => {
    write('a.yaml', cellYaml('cell-1', 1));
    let store = await openStore();
    renameSync(documents, `${documents}-away`);
    store = await reopen(store);
    expect(store.state()?.documents).toHaveLength(1);
    expect(store.problems()).toMatchObject([{ code: 'unreadable-directory' }, { code: 'documents-vanished' }]);
    mkdirSync(documents);
    store = await reopen(store);
    expect(store.problems()).toMatchObject([{ code: 'documents-vanished' }]);
    rmSync(documents, { recursive: true });
    renameSync(`${documents}-away`, documents);
    store = await reopen(store);
    expect(store.problems()).toEqual([]);
    expect(await store.apply([{ op: 'delete', key: keyOf('Cell/cell-1') }], { author })).toMatchObject({ revision: 2 });
    store = await reopen(store);
    expect(store.state()).toEqual({ revision: 2, documents: [], problems: [] });
  });

  it('are seen by a slow look when no notice comes', async () => {
    const store = await openStore(40);
    mkdirSync(join(folder, 'other'));
    writeFileSync(join(folder, 'other', 'a.yaml'), cellYaml('cell-1', 1));
    renameSync(documents, join(folder, 'gone'));
    renameSync(join(folder, 'other'), documents);
    await atRevision(store, 1);
  });
});

describe('apply', () => {
  it('changes the lines of its document only', async () => {
    const file =
      `# licence\n---\n# first\n${cellYaml('cell-1', 1)}---\n${cellYaml('cell-2', 2)}# between\n--- # ` +
      `third\n${cellYaml('cell-3', 3)}...\n# last\n`;
    write('cells.yaml', file);
    const store = await openStore();
    await store.apply(puts(`# new\n${cellYaml('cell-2', 22)}`), { author });
    expect(read('cells.yaml')).toBe(
      file.replace(`${cellYaml('cell-2', 2)}# between\n`, `# new\n${cellYaml('cell-2', 22)}`),
    );
    await store.apply([...puts(cellYaml('cell-3', 33)), { op: 'delete', key: keyOf('Cell/cell-1') }], { author });
    expect(read('cells.yaml')).toBe(
      `# licence\n---\n# new\n${cellYaml('cell-2', 22)}---\n${cellYaml('cell-3', 33)}...\n# last\n`,
    );
    expect(store.state()?.documents.map(({ key, source }) => [key, source.line])).toEqual([
      ['Cell/cell-2', 4],
      ['Cell/cell-3', 9],
    ]);
  });

  it('gives a new document a file of its own, and removes a file when its last document goes', async () => {
    const store = await openStore();
    await store.apply(
      puts(`${serviceYaml('api', 'cell-1')}---\n${serviceYaml('1-api', 'cell')}---\n${serviceYaml('api')}`),
      { author },
    );
    expect(readdirSync(documents).toSorted()).toEqual([
      'service-api.yaml',
      'service-cell-1-api-2.yaml',
      'service-cell-1-api.yaml',
    ]);
    await store.apply([{ op: 'delete', key: keyOf('Service/api') }], { author });
    expect(existsSync(join(documents, 'service-api.yaml'))).toBe(false);
  });

  it('writes a file with the mode it had, through a link inside the directory', async () => {
    mkdirSync(join(documents, '.real'));
    writeFileSync(join(documents, '.real', 'a.yaml'), cellYaml('cell-1', 1), { mode: 0o640 });
    symlinkSync('.real/a.yaml', join(documents, 'a.yaml'));
    const store = await openStore();
    await store.apply(puts(cellYaml('cell-1', 2)), { author });
    expect(read('.real/a.yaml')).toBe(cellYaml('cell-1', 2));
    expect(statSync(join(documents, '.real/a.yaml')).mode & 0o777).toBe(0o640);
    expect(readdirSync(join(documents, '.real'))).toEqual(['a.yaml']);
  });

  it('takes in an edit that was made at the same time, and does not overwrite it', async () => {
    write('a.yaml', `${cellYaml('cell-1', 1)}---\n${cellYaml('cell-2', 2)}`);
    const store = await openStore();
    write('a.yaml', `${cellYaml('cell-1', 1)}---\n${cellYaml('cell-2', 22)}`);
    expect(await store.apply(puts(cellYaml('cell-1', 11)), { author })).toMatchObject({ kind: 'applied', revision: 3 });
    expect(read('a.yaml')).toBe(`${cellYaml('cell-1', 11)}---\n${cellYaml('cell-2', 22)}`);
    write('a.yaml', 'broken: [');
    await expect(store.apply(puts(cellYaml('cell-1', 12)), { author })).rejects.toMatchObject({ code: 'aborted' });
    expect(read('a.yaml')).toBe('broken: [');
  });

  it('refuses on the author’s revision when an edit came between', async () => {
    write('a.yaml', cellYaml('cell-1', 1));
    const store = await openStore();
    write('a.yaml', cellYaml('cell-1', 2));
    await expect(store.apply(puts(cellYaml('cell-1', 3)), { author, expectedRevision: 1 })).rejects.toMatchObject({
      code: 'aborted',
    });
    expect(read('a.yaml')).toBe(cellYaml('cell-1', 2));
  });

  it('still works beside a file that is broken, and outlives a restart with it', async () => {
    write('a.yaml', cellYaml('cell-1', 1));
    write('b.yaml', cellYaml('cell-2', 2));
    let store = await openStore();
    write('b.yaml', 'broken: [');
    await eventually('problems', () => (store.problems().length > 0 ? true : undefined));
    expect(await store.apply(puts(cellYaml('cell-1', 11)), { author, urgent: true })).toMatchObject({ revision: 2 });
    store = await reopen(store);
    expect(store.state()?.revision).toBe(2);
    expect(store.state()?.documents.map(({ text }) => text)).toEqual([cellYaml('cell-1', 11), cellYaml('cell-2', 2)]);
    expect(store.problems()).toMatchObject([{ code: 'yaml-syntax', source: { file: 'b.yaml' } }]);
  });

  it('says that a read-only directory is one', () => {
    for (const code of ['EROFS', 'EACCES', 'EPERM']) {
      expect(writeError(Object.assign(new Error('no'), { code }))).toMatchObject({
        code: 'failed_precondition',
        hint: expect.stringContaining('come from'),
      });
    }
    expect(writeError(Object.assign(new Error('no'), { code: 'ENOSPC' }))).toMatchObject({
      code: 'unavailable',
      hint: 'the disk is full',
    });
  });

  it('has handed an urgent change to watchers by the time it is accepted', async () => {
    const store = await openStore();
    await store.apply(puts(cellYaml('cell-1', 1)), { author });
    let seen = 0;
    store.watch(() => seen++);
    for (let id = 2; id < 22; id++) {
      await store.apply(puts(cellYaml('cell-1', id)), { author, urgent: true });
      expect(seen).toBe(id - 1);
    }
  });
});

describe('a restart', () => {
  it('keeps the revision of what did not change, and counts on for what did', async () => {
    write('a.yaml', cellYaml('cell-1', 1));
    let store = await openStore();
    await store.apply(puts(cellYaml('cell-1', 2)), { author });
    store = await reopen(store);
    expect(store.state()?.revision).toBe(2);
    renameSync(join(documents, 'a.yaml'), join(documents, 'renamed.yaml'));
    store = await reopen(store);
    expect(store.state()?.revision).toBe(2);
    expect(store.state()?.documents[0]?.source.file).toBe('renamed.yaml');
    await store.close();
    write('renamed.yaml', cellYaml('cell-1', 3));
    store = await openStore();
    expect(store.state()?.revision).toBe(3);
  });

  it('with a broken directory serves the last good state; without one it has none, until the directory is right', async () => {
    write('a.yaml', 'broken: [');
    const store = await openStore();
    expect(store.state()).toBeUndefined();
    await expect(store.apply(puts(cellYaml('cell-1', 1)), { author })).rejects.toThrow(/a.yaml:1:/);
    write('a.yaml', cellYaml('cell-1', 1));
    await eventually('the state', () => (store.problems().length === 0 ? true : undefined));
    expect(store.state()?.revision).toBe(1);
    await store.close();
    write('a.yaml', 'broken: [');
    const again = await openStore();
    expect(again.state()).toMatchObject({ revision: 1, documents: [{ key: 'Cell/cell-1' }] });
    expect(again.problems()).toMatchObject([{ code: 'yaml-syntax' }]);
  });

  it('finishes a write of several files that a crash cut in the middle, but leaves what was edited since', async () => {
    write('a.yaml', cellYaml('cell-1', 1));
    write('b.yaml', cellYaml('cell-2', 2));
    write('c.yaml', cellYaml('cell-3', 3));
    const store = await openStore();
    await store.close();
    const database = new DatabaseSync(join(state, 'cellwall.db'));
    database.exec('UPDATE meta SET revision = 2');
    const journal = database.prepare('INSERT INTO journal (path, before, after) VALUES (?, ?, ?)');
    const save = database.prepare('UPDATE files SET text = ? WHERE path = ?');
    for (const [name, id] of [
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ] as const) {
      journal.run(`${name}.yaml`, cellYaml(`cell-${id}`, id), cellYaml(`cell-${id}`, id * 10));
      save.run(cellYaml(`cell-${id}`, id * 10), `${name}.yaml`);
    }
    database.close();
    write('a.yaml', cellYaml('cell-1', 10));
    write('c.yaml', cellYaml('cell-3', 99));
    write('.cellwall-0123456789abcdef.tmp', 'left over');
    const again = await openStore();
    expect(read('b.yaml')).toBe(cellYaml('cell-2', 20));
    expect(read('c.yaml')).toBe(cellYaml('cell-3', 99));
    expect(again.state()?.revision).toBe(3);
    expect(readdirSync(documents)).toEqual(['a.yaml', 'b.yaml', 'c.yaml']);
  });

  it('keeps tables, in files that only their owner can read', async () => {
    let store = await openStore();
    await store.table('leases').set('a', 1);
    await store.table('tokens').claim('t', 'x');
    for (const name of readdirSync(state)) expect(statSync(join(state, name)).mode & 0o777, name).toBe(0o600);
    expect(statSync(state).mode & 0o777).toBe(0o700);
    store = await reopen(store);
    expect(await store.table('leases').get('a')).toBe(1);
    expect(await store.table('tokens').claim('t', 'y')).toEqual({ won: false, value: 'x' });
  });
});
