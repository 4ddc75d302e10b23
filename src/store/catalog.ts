// The available stores, by the name that `--store` takes. A new one is one file in kinds/ and one line here; loaded when chosen, so that
// unused ones cost nothing.
import type { StoreKind } from './store-kind.ts';

export const stores = {
  directory: async () => (await import('./kinds/directory.ts')).directoryStore,
  redis: async () => (await import('./kinds/redis.ts')).redisStore,
  memory: async () => (await import('./kinds/memory.ts')).memoryStore,
} as const satisfies Readonly<Record<string, () => Promise<StoreKind>>>;
