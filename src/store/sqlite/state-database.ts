// The state folder's one SQLite file: the revision, the last good documents, the journal of an unfinished write, and tables.
// Two connections: what must survive a power cut waits for the disk (`synchronous=FULL`), tables do not (`NORMAL`), except for claims,
// which wait for it off the event loop. In WAL mode a transaction is on disk as soon as the -wal file is.
import { chmodSync, closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../../lib/clock.ts';
import { CellwallError } from '../../lib/errors.ts';
import { inStep, sameKeys } from '../../lib/in-step.ts';
import { makeFolder } from '../../lib/make-folder.ts';
import type { Table } from '../../lib/table.ts';
import { textDigest } from '../last-good/digest.ts';
import type { StoredEntry } from '../store.ts';
import { createGroupSync } from './group-sync.ts';
import { createSqliteTable, schemaOfTables } from './sqlite-table.ts';
import { createTogether } from './together.ts';

/** A write of several files, so that after a crash in the middle it is completed at the next start. `null`: no such file. */
export interface JournalEntry {
  readonly path: string;
  readonly before: string | null;
  readonly after: string | null;
}

export interface SavedState {
  readonly revision: number;
  /** Which deployment's documents these are (Redis); absent for a directory's. */
  readonly epoch?: string;
  /** Text of every file of documents, by its path in the store. */
  readonly files: ReadonlyMap<string, string>;
  /** Files whose texts are not what was saved. Absent: all are. */
  readonly damaged?: readonly string[];
}

export interface StateDatabase {
  /** The last state that was saved, if any. */
  saved(): SavedState | undefined;
  /** Of a write that was not finished; empty if there is none. */
  journal(): readonly JournalEntry[];
  /** One transaction, on disk when it returns. `files` replaces what was saved. */
  save(state: SavedState, journal: readonly JournalEntry[]): void;
  clearJournal(): void;
  table(name: string): Table;
  /** Of all tables but the copies of those in Redis, at one moment. */
  entries(): readonly StoredEntry[];
  /** Names of the tables whose names begin like this. */
  names(prefix: string): readonly string[];
  close(): void;
}

const schema = `
  CREATE TABLE IF NOT EXISTS meta (id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS epochs (id INTEGER PRIMARY KEY CHECK (id = 1), epoch TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS journal (path TEXT PRIMARY KEY, before TEXT, after TEXT) STRICT, WITHOUT ROWID;
  ${schemaOfTables}
`;

/** For folders of earlier versions, which also go back to them: a text that such a version writes has no digest. */
const digests = `
  ALTER TABLE files ADD COLUMN digest TEXT;
  CREATE TRIGGER files_digest AFTER UPDATE OF text ON files WHEN NEW.digest IS OLD.digest AND NEW.text IS NOT OLD.text
  BEGIN UPDATE files SET digest = NULL WHERE path = NEW.path; END;
`;

/** Opens (or creates) `cellwall.db` in `folder`, readable by its owner only. */
export function openStateDatabase(folder: string, clock: Clock): StateDatabase {
  makeFolder(folder, 0o700);
  const file = join(folder, 'cellwall.db');
  closeSync(openSync(file, 'a', 0o600));
  // SQLite gives its -wal and -shm files the mode of the database.
  chmodSync(file, 0o600);
  const durable = open(file, 'FULL');
  durable.exec(schema);
  const columns = durable.prepare('PRAGMA table_info(files)').all();
  if (!columns.some((column) => column['name'] === 'digest')) durable.exec(digests);
  const quick = open(file, 'NORMAL');
  const tables = new Map<string, Table>();
  const together = createTogether(quick);
  const synced = createGroupSync({ file: `${file}-wal` });
  quick.prepare('DELETE FROM entries WHERE expires <= ?').run(clock.now());
  const clearJournal = quick.prepare('DELETE FROM journal');
  const listEntries = quick.prepare(
    `SELECT name, key, value, expires FROM entries WHERE (expires IS NULL OR expires > ?) AND substr(name, 1, 6) != 'redis-'
     ORDER BY name, key`,
  );
  const listNames = quick.prepare(
    'SELECT DISTINCT name FROM entries WHERE substr(name, 1, length(?)) = ? ORDER BY name',
  );
  const getRevision = durable.prepare('SELECT revision FROM meta');
  const getEpoch = durable.prepare('SELECT epoch FROM epochs');
  const addEpoch = durable.prepare('INSERT INTO epochs (id, epoch) VALUES (1, ?)');
  const getFiles = durable.prepare('SELECT path, text, digest FROM files');
  const getJournal = durable.prepare('SELECT path, before, after FROM journal ORDER BY path');
  const setRevision = durable.prepare(
    'INSERT INTO meta (id, revision) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET revision = excluded.revision',
  );
  const putFile = durable.prepare(
    'INSERT INTO files (path, text, digest) VALUES (?, ?, ?) ' +
      'ON CONFLICT (path) DO UPDATE SET text = excluded.text, digest = excluded.digest',
  );
  const dropFile = durable.prepare('DELETE FROM files WHERE path = ?');
  /** What stands there, as far as it was read or written by this process, which has the folder to itself. */
  let there: ReadonlyMap<string, string> | undefined;
  const addJournal = durable.prepare('INSERT INTO journal (path, before, after) VALUES (?, ?, ?)');
  return {
    saved() {
      const revision = getRevision.get()?.['revision'];
      if (typeof revision !== 'number') return undefined;
      const epoch = getEpoch.get()?.['epoch'];
      const rows = getFiles.all();
      const files = new Map(rows.map((row) => [String(row['path']), String(row['text'])]));
      const damaged = rows.filter(isDamaged).map((row) => String(row['path']));
      return {
        ...{ revision, files },
        ...(typeof epoch === 'string' ? { epoch } : {}),
        ...(damaged.length === 0 ? {} : { damaged }),
      };
    },
    journal: () =>
      getJournal.all().map((row) => ({
        path: String(row['path']),
        before: textOrNull(row['before']),
        after: textOrNull(row['after']),
      })),
    save({ revision, files, epoch }, journal) {
      durable.exec('BEGIN IMMEDIATE');
      try {
        setRevision.run(revision);
        durable.exec('DELETE FROM epochs');
        if (epoch !== undefined) addEpoch.run(epoch);
        const before = there ?? new Map(getFiles.all().map((row) => [String(row['path']), String(row['text'])]));
        there = undefined;
        if (!sameKeys(before, files)) for (const path of before.keys()) if (!files.has(path)) dropFile.run(path);
        for (const { key: path, other: text } of inStep(before, files)) {
          putFile.run(path, text, textDigest(path, text));
        }
        durable.exec('DELETE FROM journal');
        for (const { path, before, after } of journal) addJournal.run(path, before, after);
        durable.exec('COMMIT');
        there = files;
      } catch (reason) {
        durable.exec('ROLLBACK');
        throw new CellwallError('unavailable', `cannot write ${file}: ${CellwallError.from(reason).message}`, {
          hint: 'is the disk full, or the state folder read-only?',
          cause: reason,
        });
      }
    },
    clearJournal: () => void clearJournal.run(),
    entries() {
      together.flush();
      return listEntries.all(clock.now()).map((row) => ({
        ...{ table: String(row['name']), key: String(row['key']), value: JSON.parse(String(row['value'])) },
        ...(typeof row['expires'] === 'number' ? { until: row['expires'] } : {}),
      }));
    },
    names(prefix) {
      together.flush();
      return listNames.all(prefix, prefix).map((row) => String(row['name']));
    },
    table(name) {
      const table = tables.get(name) ?? createSqliteTable({ name, quick, together, synced, clock });
      tables.set(name, table);
      return table;
    },
    close() {
      together.flush();
      quick.close();
      durable.close();
    },
  };
}

function open(file: string, synchronous: 'FULL' | 'NORMAL'): DatabaseSync {
  const database = new DatabaseSync(file);
  database.exec('PRAGMA busy_timeout = 5000');
  database.exec('PRAGMA journal_mode = WAL');
  database.exec(`PRAGMA synchronous = ${synchronous}`);
  return database;
}

function isDamaged({ path, text, digest }: Record<string, unknown>): boolean {
  return typeof digest === 'string' && digest !== textDigest(String(path), String(text));
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
