// The last good states of a store: how they are kept, and when it starts with one of them.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { type Log, silentLog } from '../../src/lib/log.ts';
import { createDirectoryStore } from '../../src/store/directory.ts';
import { openKeptStates } from '../../src/store/last-good/kept-states.ts';
import { openStartGuard } from '../../src/store/last-good/start-guard.ts';
import type { Store } from '../../src/store/store.ts';
import { cellYaml, keyOf, puts } from '../support/documents.ts';
import { eventually } from '../support/eventually.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { heardLog } from '../support/heard-log.ts';
import { acceptsAll } from '../support/judged.ts';

const author = 'tester';
let folder: string;
let state: string;
let documents: string;
let open: Store[];
let logged: string[];
let log: Log;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-last-good-'));
  [state, documents] = [join(folder, 'state'), join(folder, 'documents')];
  mkdirSync(documents);
  [open, logged] = [[], []];
  const write = (_: object, message: string): void => void logged.push(message);
  log = heardLog({ debug: write, info: write, warn: write, error: write, child: () => log });
});
afterEach(async () => {
  for (const store of open) await store.close();
  rmSync(folder, { recursive: true, force: true });
});

const files = (...texts: readonly string[]) => new Map(texts.map((text, index) => [`${index}.yaml`, text]));

describe('kept states', () => {
  const inFolder = () => openKeptStates({ folder: join(state, 'last-good'), log });

  it('are the five newest, over a restart, each with its time; the same texts are kept once', () => {
    const kept = inFolder();
    for (let revision = 1; revision <= 7; revision++)
      kept.keep({ revision, files: files(`text ${revision}`) }, revision * 10);
    kept.keep({ revision: 8, files: files('text 7') }, 99);
    const told = (states: ReturnType<typeof inFolder>) => states.list().map((one) => [one.revision, one.provenAt]);
    expect(told(kept)).toEqual([7, 6, 5, 4, 3].map((revision) => [revision, revision * 10]));
    expect(told(inFolder())).toEqual(told(kept));
    expect(inFolder().list()[0]?.files).toEqual(files('text 7'));
    expect(readdirSync(join(state, 'last-good'))).toHaveLength(5);
  });

  it('that are damaged, cut or half written are left out, and said so', () => {
    const kept = inFolder();
    for (let revision = 1; revision <= 4; revision++) kept.keep({ revision, files: files(`text ${revision}`) }, 0);
    const [newest = '', second = '', third = ''] = readdirSync(join(state, 'last-good'))
      .toReversed()
      .map((name) => join(state, 'last-good', name));
    writeFileSync(newest, readFileSync(newest, 'utf8').replace('text 4', 'text 5'));
    writeFileSync(second, readFileSync(second, 'utf8').slice(0, 50));
    writeFileSync(`${third}.new`, '{');
    expect(
      inFolder()
        .list()
        .map(({ revision }) => revision),
    ).toEqual([2, 1]);
    expect(logged).toEqual(Array(2).fill('a kept last good state is damaged: the one before it counts'));
  });

  it('on a disk that takes nothing are only fewer', () => {
    mkdirSync(state);
    writeFileSync(join(state, 'last-good'), 'no folder');
    const kept = inFolder();
    kept.keep({ revision: 1, files: files('text') }, 0);
    expect(kept.list()).toEqual([]);
    expect(logged).toEqual(['the last good state cannot be kept on disk']);
  });
});

describe('the count of deaths', () => {
  it('is of those in succession: a run that lasts, or ends in order, begins anew', () => {
    mkdirSync(state);
    const clock = createFakeClock();
    const start = () => openStartGuard({ folder: state, clock, log });
    expect([start().deaths, start().deaths, start().deaths]).toEqual([0, 1, 2]);
    start().close();
    expect([start().deaths, start().deaths]).toEqual([0, 1]);
    const lasting = start();
    clock.advance(60_000);
    expect(start().deaths).toBe(0);
    clock.advance(60_000);
    // What is taken in force counts as a start does.
    lasting.taken();
    expect(start().deaths).toBe(1);
  });

  it('starts anew where the file is damaged, and goes on where the disk takes nothing', () => {
    mkdirSync(state);
    writeFileSync(join(state, 'starts.json'), '{"running": 1');
    expect(openStartGuard({ folder: state, clock: systemClock, log }).deaths).toBe(0);
    expect(openStartGuard({ folder: join(state, 'nowhere'), clock: systemClock, log }).deaths).toBe(0);
    expect(logged).toEqual(['how often the process died cannot be kept on disk']);
  });
});

describe('a directory', () => {
  const start = async (check = acceptsAll): Promise<Store> => {
    const deps = { documents, state, check, log, clock: systemClock, pollMs: 60_000, settleMs: 200 };
    const store = await createDirectoryStore(deps);
    open.push(store);
    return store;
  };
  const write = (name: string, text: string): void => writeFileSync(join(documents, name), text);
  const keys = (store: Store) => store.state()?.documents.map(({ key }) => String(key));
  /** What is on disk at a sudden death is what is there before the end in order. */
  const die = async (store: Store): Promise<void> => {
    const file = join(state, 'starts.json');
    const before = readFileSync(file, 'utf8');
    await store.close();
    writeFileSync(file, before);
  };
  const revisionOf = (store: Store) => store.state()?.revision;

  beforeEach(() => write('a.yaml', cellYaml('a', 1)));

  it('that is damaged on disk starts with the last good state, and goes on from what the files say', async () => {
    const first = await start();
    first.lastGood?.prove();
    await first.apply(puts(cellYaml('b', 2)), { author });
    await first.close();
    const database = new DatabaseSync(join(state, 'cellwall.db'));
    database.exec(
      "UPDATE files SET text = replace(text, 'id: 2', 'id: 7'), digest = digest || '' WHERE text LIKE '%id: 2%'",
    );
    // As bit rot does: no trigger runs.
    database.exec("DROP TRIGGER files_digest; UPDATE files SET text = replace(text, 'id: 7', 'id: 9')");
    database.exec("UPDATE files SET digest = '00' WHERE text LIKE '%id: 9%'");
    database.close();
    // Nothing can be read of the folder, but that is no reason to be without documents.
    write('a.yaml', 'kind: [');
    const second = await start();
    expect(keys(second)).toEqual(['Cell/a']);
    expect(second.lastGood?.fallback()).toEqual({ kind: 'damaged', revision: 1 });
    expect(revisionOf(second)).toBe(3);
    expect(logged).toContain('what was in force is damaged on disk: starting on the last good state');
    write('a.yaml', cellYaml('a', 1));
    await eventually('read again', () => second.problems().length === 0 || undefined);
    expect(keys(second)).toEqual(['Cell/a', 'Cell/b']);
    expect(revisionOf(second)).toBe(4);
  });

  it('takes a text that an earlier version wrote for what it is', async () => {
    await (await start()).close();
    const database = new DatabaseSync(join(state, 'cellwall.db'));
    database.exec("UPDATE files SET text = replace(text, 'id: 1', 'id: 3')");
    database.close();
    write('a.yaml', 'kind: [');
    const store = await start();
    expect(store.state()?.documents[0]?.text).toContain('id: 3');
    expect(store.lastGood?.fallback()).toBeUndefined();
  });

  it('under which the process dies three times starts on the last good state, until somebody says otherwise', async () => {
    let store = await start();
    store.lastGood?.prove();
    write('bad.yaml', cellYaml('bad', 66));
    write('deep.yaml', cellYaml('deep', 67));
    await eventually('in force', () => keys(store)?.length === 3 || undefined);
    for (let death = 1; death < 3; death++) {
      await die(store);
      store = await start();
      expect(keys(store)).toEqual(['Cell/a', 'Cell/bad', 'Cell/deep']);
    }
    await die(store);
    // Not even judged: that may be what the process dies of.
    const never = (documents: readonly { readonly key: string }[]) => {
      if (documents.some(({ key }) => key === 'Cell/bad')) throw new Error('judged');
      return { problems: [] };
    };
    store = await start(never);
    expect(keys(store)).toEqual(['Cell/a']);
    expect(store.problems()).toMatchObject([
      { code: 'crash-loop', message: expect.stringContaining('Cell/bad, Cell/deep'), source: { file: 'bad.yaml' } },
    ]);
    expect(store.lastGood?.fallback()).toEqual({ kind: 'crash-loop', revision: 1 });
    const [newest] = await store.history();
    expect(newest).toMatchObject({ revision: revisionOf(store), changes: [{ key: 'Cell/bad' }, { key: 'Cell/deep' }] });
    // Whatever else is changed: those wait, also over restarts, in order or not.
    await store.apply(puts(cellYaml('c', 3)), { author });
    await store.close();
    store = await start(never);
    expect(keys(store)).toEqual(['Cell/a', 'Cell/c']);
    expect(store.problems()).toMatchObject([{ code: 'crash-loop' }]);
    // One is changed, the other one is confirmed.
    write('deep.yaml', cellYaml('deep', 68));
    await eventually('in force', () => keys(store)?.includes('Cell/deep') || undefined);
    expect(store.problems()).toMatchObject([{ message: expect.stringMatching(/: Cell\/bad$/) }]);
    await store.close();
    store = await start();
    const bad = puts(cellYaml('bad', 66));
    const planned = store.plan(bad);
    const after = planned.kind === 'next' ? planned.after.documents : [];
    expect(store.lastGood?.refused(store.state()?.documents ?? [], after)).toEqual([keyOf('Cell/bad')]);
    await store.apply(bad, { author });
    await eventually('no problem', () => store.problems().length === 0 || undefined);
    expect(keys(store)).toEqual(['Cell/a', 'Cell/bad', 'Cell/c', 'Cell/deep']);
    expect(store.lastGood?.fallback()).toBeUndefined();
  }, 20_000);

  it('keeps out an edit that the process dies of before it is in force, and only that', async () => {
    let store = await start();
    store.lastGood?.prove();
    for (let death = 1; death <= 3; death++) {
      await die(store);
      if (death === 2) write('bad.yaml', 'kind: [');
      store = await start();
    }
    // It died in the middle of reading this.
    expect(keys(store)).toEqual(['Cell/a']);
    expect(store.problems()).toMatchObject([{ source: { file: 'bad.yaml' } }]);
    write('bad.yaml', cellYaml('good', 5));
    await eventually('kept out', () => store.problems()[0]?.code === 'crash-loop' || undefined);
    write('bad.yaml', cellYaml('better', 5));
    await eventually('in force', () => keys(store)?.includes('Cell/better') || undefined);
    expect(store.problems()).toEqual([]);
  }, 20_000);

  it('goes on with documents that proved themselves, and with any where nothing is kept', async () => {
    let store = await start();
    for (let death = 1; death <= 4; death++) {
      await die(store);
      store = await start();
      expect(keys(store)).toEqual(['Cell/a']);
    }
    store.lastGood?.prove();
    await die(store);
    store = await start();
    expect([store.lastGood?.fallback(), store.problems(), revisionOf(store)]).toEqual([undefined, [], 1]);
    // Nothing was wrong with what was there: the next edit is like any other.
    write('b.yaml', cellYaml('b', 2));
    await eventually('in force', () => keys(store)?.includes('Cell/b') || undefined);
  }, 20_000);
});

it('is silent in ordinary times', async () => {
  write();
  const store = await createDirectoryStore({ documents, state, check: acceptsAll, log: silentLog, clock: systemClock });
  open.push(store);
  expect(store.lastGood?.kept()).toEqual([]);
  expect(store.lastGood?.fallback()).toBeUndefined();
  function write(): void {
    writeFileSync(join(documents, 'a.yaml'), cellYaml('a', 1));
  }
});
