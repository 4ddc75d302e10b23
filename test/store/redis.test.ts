import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { createRedisStore } from '../../src/store/redis.ts';
import { startValkey, type Valkey } from '../support/valkey.ts';
import { storeContract } from './contract.ts';

let valkey: Valkey;
beforeAll(async () => {
  valkey = await startValkey();
});
afterAll(() => valkey.stop());

storeContract('redis', async (check) => {
  const url = new Redacted(valkey.url);
  const sealKey = new Redacted('key');
  const prefix = `cellwall-test-${randomUUID()}`;
  const open = () => createRedisStore({ url, prefix, sealKey, check, log: silentLog, clock: systemClock });
  return { store: await open(), another: open, cleanup: async () => {} };
});
