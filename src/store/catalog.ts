// The stores there are, by the name that a configuration uses. A new one is one new file and one line here.
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Redacted } from '../lib/redacted.ts';
import type { Holding, StateCheck, Store } from './store.ts';

/** What every store may need; each takes its part. */
export interface StoreSettings {
  /** The directory of documents (`directory`). */
  readonly documents: string;
  /** Of `directory`: how long what disappears must have been quiet. */
  readonly settleMs?: number;
  /** The folder for what must survive a restart. */
  readonly state: string;
  readonly redis: { readonly url: Redacted<string>; readonly prefix: string; readonly sealKey: Redacted<string> };
  readonly check: StateCheck;
  /** Of stores in which others than `apply` write. */
  readonly holding: Holding;
  readonly log: Log;
  readonly clock: Clock;
}

export type StoreFactory = (settings: StoreSettings) => Promise<Store>;

/** Loaded when chosen, so that nobody pays for a store they do not use. */
export const stores = {
  directory: async (settings) => (await import('./directory.ts')).createDirectoryStore(settings),
  memory: async (settings) => (await import('./memory.ts')).createMemoryStore(settings),
  redis: async ({ redis, ...settings }) => (await import('./redis.ts')).createRedisStore({ ...settings, ...redis }),
} as const satisfies Readonly<Record<string, StoreFactory>>;
