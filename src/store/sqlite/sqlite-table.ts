// lib's Table on SQLite. Entries and leases expire by the wall clock, because they outlive the process. The folder belongs to one process:
// only changes by this one are told to watchers.
import { randomUUID } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../../lib/clock.ts';
import { CellwallError } from '../../lib/errors.ts';
import { type Fence, fencedMessage, type Json, sameJson, type Table } from '../../lib/table.ts';
import { createTableWatchers } from '../table-watchers.ts';
import type { Together } from './together.ts';

export interface SqliteTableOptions {
  readonly name: string;
  /** Does not wait for the disk on every write. */
  readonly quick: DatabaseSync;
  readonly together: Together;
  /** Resolves when what was written before would survive a power cut: a claim that was won stays won. */
  readonly synced: () => Promise<void>;
  readonly clock: Clock;
}

/** Writes between two looks for what has ended. */
const purgeEvery = 200;

/** What tables are kept in. */
export const schemaOfTables = `
  CREATE TABLE IF NOT EXISTS entries (
    name TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, expires INTEGER, PRIMARY KEY (name, key)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS leases (
    name TEXT NOT NULL, lease TEXT NOT NULL, token TEXT NOT NULL, expires INTEGER NOT NULL, PRIMARY KEY (name, lease)
  ) STRICT, WITHOUT ROWID;
`;

/** A claim resolves once it is on the disk, or tells `onKept`; other writes do not wait for it. Everything is in the order of the calls. */
export function createSqliteTable({ name, quick, together, synced, clock }: SqliteTableOptions): Table {
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
  const purgeTo = quick.prepare('SELECT key FROM entries WHERE name = ? AND key > ? ORDER BY key LIMIT 1 OFFSET ?');
  const purge = quick.prepare('DELETE FROM entries WHERE name = ? AND key > ? AND key <= ? AND expires <= ?');
  const purgeRest = quick.prepare('DELETE FROM entries WHERE name = ? AND key > ? AND expires <= ?');
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
  let [writes, purged] = [0, ''];
  /** Twice as many are looked at as were written: a large table is not gone through at once, while everybody waits. */
  const purgeSome = (): void => {
    const to = purgeTo.get(name, purged, 2 * purgeEvery - 1)?.['key'];
    if (typeof to === 'string') purge.run(name, purged, to, clock.now());
    else purgeRest.run(name, purged, clock.now());
    purged = typeof to === 'string' ? to : '';
  };
  const counted = (): void => {
    if (++writes % purgeEvery === 0) purgeSome();
  };
  const put = (key: string, text: string, ttlMs: number | undefined): void => {
    set.run(name, key, text, expiry(ttlMs));
    counted();
  };
  /** Does nothing unless the fence holds. */
  const write = <T>(fence: Fence | undefined, work: () => T, done?: (result: T) => void): Promise<T> =>
    together.write(() => {
      if (fence !== undefined) check(fence);
      return work();
    }, done);
  return {
    get: (key) => together.read(() => read(key)),
    async set(key, value, options) {
      const text = JSON.stringify(value);
      const tell = (): void => watchers.tell(key, value);
      await write(options?.fence, () => put(key, text, options?.ttlMs), tell);
    },
    async delete(key, options) {
      const tell = (): void => watchers.tell(key, undefined);
      await write(options?.fence, () => void remove.run(name, key), tell);
    },
    async *entries() {
      let after = '';
      for (;;) {
        const rows = await together.read(() => page.all(name, after, clock.now()));
        if (rows.length === 0) return;
        for (const row of rows) {
          after = String(row['key']);
          yield { key: after, value: parse(row['value']) };
        }
      }
    },
    async list() {
      const rows = await together.read(() => list.all(name, clock.now()));
      return rows.map((row) => ({ key: String(row['key']), value: parse(row['value']) }));
    },
    async claim(key, value, options) {
      const text = JSON.stringify(value);
      const work = () => {
        const now = clock.now();
        const won = claim.get(name, key, text, expiry(options?.ttlMs), now) !== undefined;
        counted();
        return { won, stored: won ? value : read(key) };
      };
      for (;;) {
        const { won, stored } = await write(options?.fence, work, (one) => {
          if (one.won) watchers.tell(key, value);
        });
        // It may have expired between the two statements.
        if (stored === undefined) continue;
        // Whoever won may not have heard of it yet: the one who asks again for the same is told so only when it is kept.
        const kept = synced();
        if (options?.onKept === undefined) await kept;
        else options.onKept(kept);
        return { won, value: stored };
      }
    },
    compareAndSet(key, before, next, options) {
      const work = (): boolean => {
        if (!sameJson(read(key), before)) return false;
        if (next === undefined) remove.run(name, key);
        else put(key, JSON.stringify(next), options?.ttlMs);
        return true;
      };
      return write(options?.fence, work, (changed) => {
        if (changed) watchers.tell(key, next);
      });
    },
    watch: watchers.watch,
    acquire: (lease, ttlMs) =>
      together.write(() => {
        const [now, token] = [clock.now(), randomUUID()];
        return takeLease.get(name, lease, token, now + ttlMs, now) === undefined ? undefined : { lease, token };
      }),
    renew: ({ lease, token }, ttlMs) =>
      together.write(() => {
        const now = clock.now();
        return renewLease.get(now + ttlMs, name, lease, token, now) !== undefined;
      }),
    release: ({ lease, token }) => together.write(() => void endLease.run(name, lease, token)),
  };
}

function parse(value: unknown): Json {
  return JSON.parse(String(value));
}
