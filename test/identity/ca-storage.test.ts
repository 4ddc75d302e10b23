// Places for the CA's keys.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { createCaFolder } from '../../src/identity/ca/ca-folder.ts';
import { temporaryFolder } from '../../src/lib/temporary-folder.ts';
import { caStorageContract } from './ca-storage-contract.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

caStorageContract('a folder', {
  async open() {
    const folder = temporaryFolder('ca-folder');
    folders.push(folder);
    const dir = join(folder, 'ca');
    return { storage: createCaFolder(dir), again: async () => createCaFolder(dir) };
  },
});
