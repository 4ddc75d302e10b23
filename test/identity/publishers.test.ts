// Every publisher there is, against the contract.
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { publishers } from '../../src/identity/publisher/catalog.ts';
import { createDirectoryPublisher } from '../../src/identity/publisher/directory.ts';
import { publisherContract } from './publisher-contract.ts';

const covered = ['directory'];

publisherContract('directory', async () => {
  const parent = mkdtempSync(join(tmpdir(), 'cellwall-publish-'));
  const folder = join(parent, 'trust');
  const pem = join(folder, 'bundle.pem');
  const files = ['bundle.pem', 'bundle.json'].map((name) => join(folder, name));
  return {
    create: () => createDirectoryPublisher(folder),
    fetch: async () => (existsSync(pem) ? readFileSync(pem, 'utf8') : undefined),
    version: async () =>
      [folder, ...files].map((path) => {
        const { ino, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
        return [ino, mtimeNs, ctimeNs];
      }),
    spoil: async () => writeFileSync(pem, 'something else'),
    async remove() {
      for (const file of files) rmSync(file);
    },
    async reachable(yes) {
      // Whoever the test runs as cannot go through a file.
      if (!yes) {
        renameSync(folder, `${folder}-away`);
        writeFileSync(folder, '');
      } else {
        rmSync(folder);
        renameSync(`${folder}-away`, folder);
      }
    },
    close: async () => rmSync(parent, { recursive: true, force: true }),
  };
});

it('the contract is held to every entry of the catalog', () => {
  expect(Object.keys(publishers)).toEqual(covered);
});
