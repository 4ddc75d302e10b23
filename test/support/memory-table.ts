// A Table in memory, for rooms that take one.
import type { Json, Table } from '../../src/lib/table.ts';

export function createMemoryTable(entries: Map<string, Json> = new Map()): Table {
  return {
    get: async (key) => entries.get(key),
    set: async (key, value) => void entries.set(key, value),
    delete: async (key) => void entries.delete(key),
    async *entries() {
      for (const [key, value] of [...entries]) yield { key, value };
    },
    list: async () => [...entries].map(([key, value]) => ({ key, value })),
    async claim(key, value) {
      const stored = entries.get(key);
      if (stored !== undefined) return { won: false, value: stored };
      entries.set(key, value);
      return { won: true, value };
    },
  };
}
