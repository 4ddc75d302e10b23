// All that the CA's folder holds, for moving it into the store; and how it is put aside then.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { ensureSecretFolder } from '../secret-file.ts';
import { type CaMaterial, readMaterial } from './ca-files.ts';
import { knownRootFile } from './known-root.ts';
import type { VaultContent } from './vault-content.ts';

/** What stays in the folder, wherever the keys are: nothing of it is secret. */
const stays: readonly string[] = [knownRootFile, 'trust-bundle.json'];
const caFiles: readonly string[] = ['certificate.pem', 'key.pem'];
const aside = 'moved';

/** Undefined if there is no CA in it. Throws `failed_precondition` if one cannot be read, or others may. */
export function caFolderContent(dir: string): VaultContent | undefined {
  if (!existsSync(dir)) return undefined;
  const cas: Record<string, CaMaterial> = {};
  const notes: Record<string, string> = {};
  const look = (folder: string): void => {
    const path = join(dir, folder);
    ensureSecretFolder(path);
    const entries = readdirSync(path, { withFileTypes: true });
    const isCa = entries.some(({ name }) => caFiles.includes(name));
    if (isCa) cas[folder] = readMaterial(path);
    for (const entry of entries) {
      const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) {
        // What a process that was killed left half written has a dot in its name.
        if (/^[a-z0-9-]+$/.test(entry.name) && name !== aside) look(name);
      } else if (!(isCa && caFiles.includes(entry.name)) && name !== 'trust-bundle.json')
        notes[name] = readFileSync(join(path, entry.name), 'utf8');
    }
  };
  look('');
  return Object.keys(cas).length === 0 ? undefined : { cas, notes };
}

/** Puts aside what is in the store from now on. Returns where it is. */
export function putAside(dir: string): string {
  const to = join(dir, aside);
  mkdirSync(to, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(dir).filter((entry) => entry !== aside && !stays.includes(entry))) {
    let free = join(to, name);
    for (let number = 2; existsSync(free); number += 1) free = join(to, `${name}.${number}`);
    renameSync(join(dir, name), free);
  }
  return to;
}
