// lib's Table on Redis, but for what is sealed and watched: one key per entry, which Redis itself expires. Anybody who writes there can put
// anything: what is not text, not JSON or too long counts as absent, and the number of entries is limited.
import { randomUUID } from 'node:crypto';
import { CellwallError } from '../../lib/errors.ts';
import { type Fence, fencedMessage, type Json, type Table, type TableOptions } from '../../lib/table.ts';
import { checkEntrySize, maxTextBytes } from './entry-size.ts';
import type { RedisLink } from './link.ts';
import { scanScript, textsScript } from './scripts.ts';
import { acquireScript, renewScript, writeEntryScript } from './table-scripts.ts';

/** The text of an entry as it stands there, for a swap. */
export interface StoredText {
  readonly text: string | undefined;
  readonly value: Json | undefined;
}

export interface RedisTable extends Omit<Table, 'compareAndSet' | 'watch'> {
  read(key: string): Promise<StoredText>;
  /** The same of many, in their order. */
  readAll(keys: readonly string[]): Promise<readonly StoredText[]>;
  /** Writes (undefined: deletes) if the text there is still `before`. */
  swap(key: string, before: string | undefined, next: Json | undefined, options?: TableOptions): Promise<boolean>;
}

export interface RedisTableOptions {
  readonly link: RedisLink;
  /** Of all keys, with which those of one transaction are in one slot. */
  readonly prefix: string;
  readonly name: string;
  readonly channel: string;
}

const maxEntries = 200_000;
const maxTables = 1000;
/** Of a table and a key. */
export const maxNameBytes = 8192;
const atATime = 50;

/** The keys of what counts and notes every write of every table. */
export function changeKeys(prefix: string): readonly [count: string, log: string] {
  return [`${prefix}:table-count`, `${prefix}:table-log`];
}

export function createRedisTable({ link, prefix: all, name, channel }: RedisTableOptions): RedisTable {
  const prefix = `${all}:table:${name}:`;
  const at = (key: string): string => prefix + key;
  const leaseAt = (lease: string): string => `${all}:lease:${name}:${lease}`;
  const lifeOf = (options: TableOptions | undefined): string =>
    options?.ttlMs === undefined ? '' : String(Math.max(1, Math.ceil(options.ttlMs)));
  /** What is there, if that is why nothing was written; undefined if it was. */
  const write = async (
    how: 'set' | 'delete' | 'claim' | 'swap',
    key: string,
    value: Json | undefined,
    options?: TableOptions,
    before = '',
  ): Promise<string | undefined> => {
    const text = value === undefined ? '' : JSON.stringify(value);
    checkEntrySize(name, key, text);
    const { fence } = options ?? {};
    const keys = [at(key), ...changeKeys(all), fence === undefined ? at(key) : leaseAt(fence.lease)];
    const reply = await link.script(writeEntryScript, keys, [
      ...[how, text, lifeOf(options), before, fence?.token ?? ''],
      ...[channel, `${name} ${key}`, randomUUID(), String(maxTextBytes)],
    ]);
    const [kind, there]: readonly unknown[] = Array.isArray(reply) ? reply : [];
    if (kind === 'fenced') throw new CellwallError('aborted', fencedMessage);
    return kind === 'there' ? String(there) : undefined;
  };
  const readAll = async (keys: readonly string[]): Promise<readonly StoredText[]> => {
    const found: StoredText[] = [];
    for (let from = 0; from < keys.length; from += atATime) {
      const some = keys.slice(from, from + atATime);
      const reply = await link.script(textsScript, some.map(at), [String(maxTextBytes)]);
      const texts: readonly unknown[] = Array.isArray(reply) ? reply : [];
      found.push(...some.map((_, index) => storedText(texts[index])));
    }
    return found;
  };
  const read = async (key: string): Promise<StoredText> => (await readAll([key]))[0] ?? storedText('');
  async function* entries(): AsyncGenerator<{ readonly key: string; readonly value: Json }, void> {
    const keys = new Set<string>();
    let cursor = '0';
    do {
      const reply = await link.script(scanScript, [prefix], [cursor, `${escapeGlob(prefix)}*`, String(maxNameBytes)]);
      const [next, found] = Array.isArray(reply) ? reply : [];
      for (const key of Array.isArray(found) ? found : []) keys.add(String(key).slice(prefix.length));
      cursor = String(next ?? '0');
    } while (cursor !== '0' && keys.size < maxEntries);
    const sorted = [...keys].sort().slice(0, maxEntries);
    for (let from = 0; from < sorted.length; from += atATime) {
      const some = sorted.slice(from, from + atATime);
      for (const [index, { value }] of (await readAll(some)).entries()) {
        const key = some[index];
        if (key !== undefined && value !== undefined) yield { key, value };
      }
    }
  }
  return {
    read,
    readAll,
    get: async (key) => (await read(key)).value,
    async set(key, value, options) {
      await write('set', key, value, options);
    },
    async delete(key, options) {
      await write('delete', key, undefined, options);
    },
    entries,
    async list() {
      const found: { readonly key: string; readonly value: Json }[] = [];
      for await (const entry of entries()) found.push(entry);
      return found;
    },
    async claim(key, value, options) {
      const there = await write('claim', key, value, options);
      // What is there and invalid belongs to nobody.
      return there === undefined ? { won: true, value } : { won: false, value: parse(there) ?? null };
    },
    swap: async (key, before, next, options) => (await write('swap', key, next, options, before)) === undefined,
    async acquire(lease, ttlMs) {
      const keys = [leaseAt(lease), `${all}:leases:${name}`];
      const token = String(await link.script(acquireScript, keys, [String(Math.ceil(ttlMs)), randomUUID()]));
      return token === '' ? undefined : { lease, token };
    },
    async renew({ lease, token }: Fence, ttlMs) {
      return (await link.script(renewScript, [leaseAt(lease)], [token, String(Math.max(1, Math.ceil(ttlMs)))])) === 1;
    },
    async release({ lease, token }) {
      await link.script(renewScript, [leaseAt(lease)], [token, '0']);
    },
  };
}

/** Names of the tables that have entries there. Whatever else others wrote under our prefix is passed over. */
export async function storedTables(link: RedisLink, all: string): Promise<readonly string[]> {
  const prefix = `${all}:table:`;
  const names = new Set<string>();
  let cursor = '0';
  do {
    const reply = await link.script(scanScript, [prefix], [cursor, `${escapeGlob(prefix)}*`, String(maxNameBytes)]);
    const [next, found] = Array.isArray(reply) ? reply : [];
    for (const key of Array.isArray(found) ? found : []) {
      const name = /^[A-Za-z0-9-]{1,64}(?=:)/.exec(String(key).slice(prefix.length))?.[0];
      if (name !== undefined && names.size < maxTables) names.add(name);
    }
    cursor = String(next ?? '0');
  } while (cursor !== '0');
  return [...names].sort();
}

function storedText(text: unknown): StoredText {
  return typeof text === 'string' && text !== '' ? { text, value: parse(text) } : { text: undefined, value: undefined };
}

function parse(text: string): Json | undefined {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function escapeGlob(text: string): string {
  return text.replace(/[\\*?[\]^]/g, '\\$&');
}
