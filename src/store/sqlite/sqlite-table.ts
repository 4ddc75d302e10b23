// lib's Table on SQLite. Entries expire by the wall clock, because they outlive the process.
import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../../lib/clock.ts';
import type { Json, Table } from '../../lib/table.ts';

export interface SqliteTableOptions {
  readonly name: string;
  /** Does not wait for the disk on every write. */
  readonly quick: DatabaseSync;
  /** Resolves when what was written before would survive a power cut: a claim that was won stays won. */
  readonly synced: () => Promise<void>;
  readonly clock: Clock;
}

/** A claim resolves once it is on the disk; other writes do not wait for it. */
export function createSqliteTable({ name, quick, synced, clock }: SqliteTableOptions): Table {
  const get = quick.prepare(
    'SELECT value FROM entries WHERE name = ? AND key = ? AND (expires IS NULL OR expires > ?)',
  );
  const list = quick.prepare(
    'SELECT key, value FROM entries WHERE name = ? AND (expires IS NULL OR expires > ?) ORDER BY key',
  );
  const page = quick.prepare(
    'SELECT key, value FROM entries WHERE name = ? AND key > ? AND (expires IS NULL OR expires > ?) ORDER BY key LIMIT 16',
  );
  const set = quick.prepare(
    `INSERT INTO entries (name, key, value, expires) VALUES (?, ?, ?, ?)
     ON CONFLICT (name, key) DO UPDATE SET value = excluded.value, expires = excluded.expires`,
  );
  const remove = quick.prepare('DELETE FROM entries WHERE name = ? AND key = ?');
  const purge = quick.prepare('DELETE FROM entries WHERE name = ? AND expires <= ?');
  // One statement, so one transaction: of several processes one wins.
  const claim = quick.prepare(
    `INSERT INTO entries (name, key, value, expires) VALUES (?, ?, ?, ?)
     ON CONFLICT (name, key) DO UPDATE SET value = excluded.value, expires = excluded.expires
     WHERE entries.expires <= ? RETURNING 1`,
  );
  const expiry = (ttlMs: number | undefined): number | null => (ttlMs === undefined ? null : clock.now() + ttlMs);
  const read = (key: string): Json | undefined => {
    const row = get.get(name, key, clock.now());
    return row === undefined ? undefined : parse(row['value']);
  };
  let writes = 0;
  return {
    async get(key) {
      return read(key);
    },
    async set(key, value, options) {
      set.run(name, key, JSON.stringify(value), expiry(options?.ttlMs));
      if (++writes % 1000 === 0) purge.run(name, clock.now());
    },
    async delete(key) {
      remove.run(name, key);
    },
    async *entries() {
      let after = '';
      for (;;) {
        const rows = page.all(name, after, clock.now());
        if (rows.length === 0) return;
        for (const row of rows) {
          after = String(row['key']);
          yield { key: after, value: parse(row['value']) };
        }
      }
    },
    async list() {
      return list.all(name, clock.now()).map((row) => ({ key: String(row['key']), value: parse(row['value']) }));
    },
    async claim(key, value, options) {
      for (;;) {
        const won = claim.get(name, key, JSON.stringify(value), expiry(options?.ttlMs), clock.now());
        if (won !== undefined) {
          await synced();
          return { won: true, value };
        }
        const stored = read(key);
        // It may have expired or been deleted between the two statements.
        if (stored !== undefined) {
          // Whoever won may not have heard of it yet: the one who asks again for the same is told so only when it is kept.
          await synced();
          return { won: false, value: stored };
        }
      }
    },
  };
}

function parse(value: unknown): Json {
  return JSON.parse(String(value));
}
