// lib's Table in memory: it ends with the process.
import { randomUUID } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import { type Fence, fencedMessage, type Json, sameJson, type Table } from '../lib/table.ts';
import { createTableWatchers } from './table-watchers.ts';

/** Entries and leases expire by the wall clock. `values`: where values are kept. Default: in a map of its own. */
export function createMemoryTable(clock: Pick<Clock, 'now'>, values: Map<string, Json> = new Map()): Table {
  const expiries = new Map<string, number>();
  const leases = new Map<string, { readonly token: string; readonly until: number }>();
  const watchers = createTableWatchers();
  const remove = (key: string): void => {
    values.delete(key);
    expiries.delete(key);
  };
  /** A copy, so that nobody shares an object with the table. */
  const live = (key: string): Json | undefined => {
    if ((expiries.get(key) ?? Number.POSITIVE_INFINITY) <= clock.now()) remove(key);
    const value = values.get(key);
    return value === undefined ? undefined : structuredClone(value);
  };
  const put = (key: string, value: Json, ttlMs = Number.POSITIVE_INFINITY): void => {
    values.set(key, copyOf(value));
    expiries.set(key, clock.now() + ttlMs);
    watchers.tell(key, value);
  };
  const drop = (key: string): void => {
    remove(key);
    watchers.tell(key, undefined);
  };
  const holds = ({ lease, token }: Fence): boolean => {
    const there = leases.get(lease);
    return there?.token === token && there.until > clock.now();
  };
  const check = (fence: Fence | undefined): void => {
    if (fence !== undefined && !holds(fence)) throw new CellwallError('aborted', fencedMessage);
  };
  return {
    get: async (key) => live(key),
    async set(key, value, options) {
      check(options?.fence);
      put(key, value, options?.ttlMs);
    },
    async delete(key, options) {
      check(options?.fence);
      drop(key);
    },
    async *entries() {
      for (const key of [...values.keys()]) {
        const value = live(key);
        if (value !== undefined) yield { key, value };
      }
    },
    async list() {
      return [...values.keys()].sort().flatMap((key) => {
        const value = live(key);
        return value === undefined ? [] : [{ key, value }];
      });
    },
    async claim(key, value, options) {
      check(options?.fence);
      const there = live(key);
      if (there !== undefined) return { won: false, value: there };
      put(key, value, options?.ttlMs);
      return { won: true, value };
    },
    async compareAndSet(key, before, next, options) {
      check(options?.fence);
      if (!sameJson(live(key), before)) return false;
      if (next === undefined) drop(key);
      else put(key, next, options?.ttlMs);
      return true;
    },
    watch: watchers.watch,
    async acquire(lease, ttlMs) {
      if ((leases.get(lease)?.until ?? 0) > clock.now()) return undefined;
      const token = randomUUID();
      leases.set(lease, { token, until: clock.now() + ttlMs });
      return { lease, token };
    },
    async renew(fence, ttlMs) {
      if (!holds(fence)) return false;
      leases.set(fence.lease, { token: fence.token, until: clock.now() + ttlMs });
      return true;
    },
    async release(fence) {
      if (holds(fence)) leases.delete(fence.lease);
    },
  };
}

/** As it would be read from text: without members that are undefined. */
function copyOf(value: Json): Json {
  return JSON.parse(JSON.stringify(value));
}
