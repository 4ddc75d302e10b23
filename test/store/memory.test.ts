import { join } from 'node:path';
import { expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { memoryStore } from '../../src/store/kinds/memory.ts';
import { createMemoryStore } from '../../src/store/memory.ts';
import { storeContract } from './contract.ts';

storeContract('memory', async (check) => ({
  store: createMemoryStore({ check, log: silentLog, clock: systemClock }),
  cleanup: async () => {},
}));

it('says what is wrong with a directory to begin with that is not there', async () => {
  const documents = new Redacted(join(import.meta.dirname, 'none'));
  const opened = memoryStore.open({
    ...{ options: { documents }, state: '', sealKey: () => new Redacted(''), check: () => ({ problems: [] }) },
    ...{ holding: { hold: () => undefined, release() {}, watch: () => () => {} }, log: silentLog, clock: systemClock },
  });
  await expect(opened).rejects.toMatchObject({ code: 'not_found', hint: expect.stringContaining('documents=DIR') });
});
