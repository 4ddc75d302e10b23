// One table in a file of its own, readable by its owner only, for what belongs to this host and must not be in the store: keys. What it
// holds can be made again: a file that is damaged, or that others may read, is replaced by an empty one.
import { chmodSync, closeSync, lstatSync, openSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../../lib/clock.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { Table } from '../../lib/table.ts';
import { createSqliteTable, schemaOfTables } from './sqlite-table.ts';
import { createTogether } from './together.ts';

export interface TableFile {
  readonly table: Table;
  /** Waits for nothing: what was written before is written. */
  close(): void;
}

export interface TableFileOptions {
  /** Created if it does not exist; its folder exists. */
  readonly file: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** A power cut may lose what was written last. Throws `failed_precondition` if there can be no such file. */
export function openTableFile({ file, clock, log }: TableFileOptions): TableFile {
  let database: DatabaseSync;
  try {
    if (isOpenToOthers(file)) {
      log.warn(
        { file },
        'others may have read this file, or it is not a file: it is replaced, and what it held is made again',
      );
      remove(file);
    }
    try {
      database = open(file);
    } catch (reason) {
      log.warn(
        { file, reason: String(reason) },
        'this file is damaged: it is replaced, and what it held is made again',
      );
      remove(file);
      database = open(file);
    }
  } catch (cause) {
    throw new CellwallError('failed_precondition', `cannot use ${file}: ${CellwallError.from(cause).message}`, {
      hint: 'is the disk full, or not writable for this user? --data names another folder',
      cause,
    });
  }
  database.prepare('DELETE FROM entries WHERE expires <= ?').run(clock.now());
  const together = createTogether(database);
  return {
    table: createSqliteTable({ name: 'all', quick: database, together, synced: async () => {}, clock }),
    close() {
      together.flush();
      database.close();
    },
  };
}

function isOpenToOthers(file: string): boolean {
  const stat = lstatSync(file, { throwIfNoEntry: false });
  return stat !== undefined && (!stat.isFile() || (stat.mode & 0o077) !== 0);
}

function remove(file: string): void {
  for (const end of ['', '-wal', '-shm']) rmSync(`${file}${end}`, { force: true });
}

/** Throws for a file that is damaged. */
function open(file: string): DatabaseSync {
  closeSync(openSync(file, 'a', 0o600));
  // SQLite gives its -wal and -shm files the mode of the database.
  chmodSync(file, 0o600);
  const database = new DatabaseSync(file);
  try {
    database.exec('PRAGMA journal_mode = WAL');
    database.exec('PRAGMA synchronous = NORMAL');
    // What was removed is overwritten.
    database.exec('PRAGMA secure_delete = ON');
    database.exec(schemaOfTables);
    const [row] = database.prepare('PRAGMA quick_check').all();
    if (row?.['quick_check'] !== 'ok') throw new Error(String(row?.['quick_check']));
    return database;
  } catch (reason) {
    database.close();
    throw reason;
  }
}
