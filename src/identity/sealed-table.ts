// A table whose entries only this control plane can have written: each carries an HMAC with a key that is kept next to the CA's. Somebody
// who can write to the store (a Redis shared with others) can delete entries, but cannot make a token or node key valid.
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { Log } from '../lib/log.ts';
import { Redacted } from '../lib/redacted.ts';
import { createSeal } from '../lib/seal.ts';
import { type Json, sameJson, type Table } from '../lib/table.ts';
import { readSecretFile, writeSecretFile } from './secret-file.ts';

export interface SealedTableOptions {
  readonly table: Table;
  /** Sealed together with the entries: one from another table is not valid here. */
  readonly name: string;
  readonly key: Redacted<string>;
  readonly log: Log;
}

/** The key in `file`, created on first use. */
export function sealKey(file: string): Redacted<string> {
  if (!existsSync(file)) writeSecretFile(file, randomBytes(32).toString('base64url'));
  return new Redacted(readSecretFile(file));
}

/** An entry that is not sealed, or not with this key, counts as absent. */
export function createSealedTable({ table, name, key: secret, log }: SealedTableOptions): Table {
  const { of, holds } = createSeal(secret);
  const seal = (key: string, value: Json): Json => ({ value, seal: of([name, key, value]) });
  const open = (key: string, stored: Json | undefined): Json | undefined => {
    if (stored === undefined) return undefined;
    if (typeof stored === 'object' && stored !== null && 'value' in stored && 'seal' in stored) {
      const { value, seal: text } = stored;
      if (value !== undefined && holds(text, [name, key, value])) return value;
    }
    log.warn({ table: name }, 'an entry that this control plane did not write is ignored');
    return undefined;
  };
  return {
    get: async (key) => open(key, await table.get(key)),
    set: (key, value, options) => table.set(key, seal(key, value), options),
    delete: (key, options) => table.delete(key, options),
    async *entries() {
      for await (const { key, value } of table.entries()) {
        const opened = open(key, value);
        if (opened !== undefined) yield { key, value: opened };
      }
    },
    list: async () =>
      (await table.list()).flatMap(({ key, value }) => {
        const opened = open(key, value);
        return opened === undefined ? [] : [{ key, value: opened }];
      }),
    async claim(key, value, options) {
      const { won, value: stored } = await table.claim(key, seal(key, value), options);
      // Somebody else's claim: lost, and nobody gets it.
      return { won, value: open(key, stored) ?? null };
    },
    async compareAndSet(key, before, next, options) {
      const stored = await table.get(key);
      if (!sameJson(open(key, stored), before)) return false;
      return table.compareAndSet(key, stored, next === undefined ? undefined : seal(key, next), options);
    },
    watch: (listener) => table.watch(({ key, value }) => listener({ key, value: open(key, value) })),
    acquire: table.acquire,
    renew: table.renew,
    release: table.release,
  };
}
