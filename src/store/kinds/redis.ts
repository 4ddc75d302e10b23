// `--store redis`: for several replicas.

import { connectionOptions, readConnection } from '../redis/connection.ts';
import { createRedisStore } from '../redis.ts';
import type { StoreKind } from '../store-kind.ts';

export const redisStore: StoreKind = {
  alsoChangedBy: 'replicas',
  options: connectionOptions,
  async open({ options, sealKey, ...settings }) {
    return createRedisStore({ ...settings, ...readConnection(options), sealKey: sealKey() });
  },
};
