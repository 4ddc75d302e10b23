// A Table in memory, for rooms that take one. Tests may hand in the entries, and look at them.
import type { Json, Table } from '../../src/lib/table.ts';
import { createMemoryTable as create } from '../../src/store/memory-table.ts';

/** Nothing expires. */
export function createMemoryTable(entries: Map<string, Json> = new Map()): Table {
  return create({ now: () => 0 }, entries);
}
