import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createDirectoryStore } from '../../src/store/directory.ts';
import { storeContract } from './contract.ts';

storeContract('directory', async (check) => {
  const folder = mkdtempSync(join(tmpdir(), 'cellwall-store-'));
  const documents = join(folder, 'documents');
  mkdirSync(documents);
  const open = () =>
    createDirectoryStore({ documents, state: join(folder, 'state'), check, log: silentLog, clock: systemClock });
  return {
    store: await open(),
    another: open,
    cleanup: async () => rmSync(folder, { recursive: true, force: true }),
  };
});
