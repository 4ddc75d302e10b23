// `--store redis`: for several replicas.
import { Redacted } from '../../lib/redacted.ts';
import { createRedisStore } from '../redis.ts';
import type { StoreKind } from '../store-kind.ts';

export const redisStore: StoreKind = {
  alsoChangedBy: 'replicas',
  options: { url: { description: 'its address, with the password: --redis-url, or --redis-url-file', required: true } },
  open: ({ options: { url = new Redacted('') }, sealKey, ...settings }) =>
    createRedisStore({ ...settings, url, prefix: 'cellwall', sealKey: sealKey() }),
};
