// CAs and notes as files of a folder that one control plane has for itself: a CA is a folder with certificate and key, a note a file.
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ensureSecretFolder, writeSecretFile } from '../secret-file.ts';
import { hasCa, loadCa, removeCa, storeCa } from './ca-files.ts';
import type { CaStorage } from './ca-storage.ts';

/** Creates the folder with mode 0700; throws `failed_precondition` for a symlink or a wider mode. */
export function createCaFolder(dir: string): CaStorage {
  ensureSecretFolder(dir);
  const at = (name: string): string => join(dir, name);
  const note = async (name: string): Promise<string | undefined> =>
    existsSync(at(name)) ? readFileSync(at(name), 'utf8') : undefined;
  return {
    where: at,
    async names(folder) {
      if (!existsSync(at(folder))) return [];
      ensureSecretFolder(at(folder));
      // What a process that was killed left half written has a dot in its name.
      const folders = readdirSync(at(folder), { withFileTypes: true }).filter((entry) => !entry.isFile());
      const names = folders.map(({ name }) => name).filter((name) => /^[a-z0-9-]+$/.test(name));
      return names.sort().map((name) => (folder === '' ? name : `${folder}/${name}`));
    },
    load: async (name) => (hasCa(at(name)) ? loadCa(at(name)) : undefined),
    async add(name, material) {
      ensureSecretFolder(dirname(at(name)));
      return storeCa(at(name), material);
    },
    async remove(name, provided) {
      if ((await note(provided.note)) === provided.is) removeCa(at(name));
    },
    note,
    async changeNote(name, before, next) {
      if ((await note(name)) !== before) return false;
      if (next === undefined) rmSync(at(name), { force: true });
      else if (next !== before) {
        ensureSecretFolder(dirname(at(name)));
        writeSecretFile(at(name), next, 0o644);
      }
      return true;
    },
    renews: () => true,
    watch: () => () => {},
  };
}
