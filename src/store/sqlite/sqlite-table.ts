// lib's Table on SQLite. Entries and leases expire by the wall clock, because they outlive the process. The folder belongs to one process:
// only changes by this one are told to watchers.
import { randomUUID } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../../lib/clock.ts';
import { CellwallError } from '../../lib/errors.ts';
import { type Fence, fencedMessage, type Json, sameJson, type Table } from '../../lib/table.ts';
import { createTableWatchers } from '../table-watchers.ts';

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
  const getLease = quick.prepare('SELECT token FROM leases WHERE name = ? AND lease = ? AND expires > ?');
  const takeLease = quick.prepare(
    `INSERT INTO leases (name, lease, token, expires) VALUES (?, ?, ?, ?)
     ON CONFLICT (name, lease) DO UPDATE SET token = excluded.token, expires = excluded.expires
     WHERE leases.expires <= ? RETURNING 1`,
  );
  const renewLease = quick.prepare(
    'UPDATE leases SET expires = ? WHERE name = ? AND lease = ? AND token = ? AND expires > ? RETURNING 1',
  );
  const endLease = quick.prepare('DELETE FROM leases WHERE name = ? AND lease = ? AND token = ?');
  const watchers = createTableWatchers();
  const check = (fence: Fence): void => {
    if (getLease.get(name, fence.lease, clock.now())?.['token'] !== fence.token) {
      throw new CellwallError('aborted', fencedMessage);
    }
  };
  /** One transaction, where more than one statement must see the same. */
  const together = <T>(task: () => T): T => {
    quick.exec('BEGIN IMMEDIATE');
    try {
      const result = task();
      quick.exec('COMMIT');
      return result;
    } catch (reason) {
      quick.exec('ROLLBACK');
      throw reason;
    }
  };
  const fenced = <T>(fence: Fence | undefined, task: () => T): T => {
    if (fence === undefined) return task();
    return together(() => {
      check(fence);
      return task();
    });
  };
  let writes = 0;
  const put = (key: string, value: Json, ttlMs: number | undefined): void => {
    set.run(name, key, JSON.stringify(value), expiry(ttlMs));
    if (++writes % 1000 === 0) purge.run(name, clock.now());
  };
  return {
    async get(key) {
      return read(key);
    },
    async set(key, value, options) {
      fenced(options?.fence, () => put(key, value, options?.ttlMs));
      watchers.tell(key, value);
    },
    async delete(key, options) {
      fenced(options?.fence, () => remove.run(name, key));
      watchers.tell(key, undefined);
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
        const won = fenced(options?.fence, () =>
          claim.get(name, key, JSON.stringify(value), expiry(options?.ttlMs), clock.now()),
        );
        if (won !== undefined) {
          watchers.tell(key, value);
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
    async compareAndSet(key, before, next, options) {
      const changed = together(() => {
        if (options?.fence !== undefined) check(options.fence);
        if (!sameJson(read(key), before)) return false;
        if (next === undefined) remove.run(name, key);
        else put(key, next, options?.ttlMs);
        return true;
      });
      if (changed) watchers.tell(key, next);
      return changed;
    },
    watch: watchers.watch,
    async acquire(lease, ttlMs) {
      const now = clock.now();
      const token = randomUUID();
      return takeLease.get(name, lease, token, now + ttlMs, now) === undefined ? undefined : { lease, token };
    },
    async renew({ lease, token }, ttlMs) {
      const now = clock.now();
      return renewLease.get(now + ttlMs, name, lease, token, now) !== undefined;
    },
    async release({ lease, token }) {
      endLease.run(name, lease, token);
    },
  };
}

function parse(value: unknown): Json {
  return JSON.parse(String(value));
}
