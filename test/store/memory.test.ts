import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createMemoryStore } from '../../src/store/memory.ts';
import { storeContract } from './contract.ts';

storeContract('memory', async (check) => ({
  store: createMemoryStore({ check, log: silentLog, clock: systemClock }),
  cleanup: async () => {},
}));
