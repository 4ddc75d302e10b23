// lib's Table in memory: it ends with the process.
import type { Clock } from '../lib/clock.ts';
import type { Json, Table } from '../lib/table.ts';

/** Entries expire by the wall clock. */
export function createMemoryTable(clock: Clock): Table {
  // Values are kept as text, so that nobody shares an object with the table.
  const entries = new Map<string, { readonly text: string; readonly expires: number }>();
  const live = (key: string): string | undefined => {
    const entry = entries.get(key);
    if (entry !== undefined && entry.expires <= clock.now()) entries.delete(key);
    return entries.get(key)?.text;
  };
  const put = (key: string, value: Json, ttlMs = Number.POSITIVE_INFINITY): void => {
    entries.set(key, { text: JSON.stringify(value), expires: clock.now() + ttlMs });
  };
  return {
    async get(key) {
      const text = live(key);
      return text === undefined ? undefined : parseJson(text);
    },
    async set(key, value, options) {
      put(key, value, options?.ttlMs);
    },
    async delete(key) {
      entries.delete(key);
    },
    async *entries() {
      for (const key of [...entries.keys()]) {
        const text = live(key);
        if (text !== undefined) yield { key, value: parseJson(text) };
      }
    },
    async list() {
      return [...entries.keys()].sort().flatMap((key) => {
        const text = live(key);
        return text === undefined ? [] : [{ key, value: parseJson(text) }];
      });
    },
    async claim(key, value, options) {
      const text = live(key);
      if (text !== undefined) return { won: false, value: parseJson(text) };
      put(key, value, options?.ttlMs);
      return { won: true, value };
    },
  };
}

function parseJson(text: string): Json {
  return JSON.parse(text);
}
