// Intermediates and their keys, in one numbered folder each. A retired one never signs again, even after a restart.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type CaMaterial, loadCa, storeCa } from '../ca/ca-files.ts';
import type { SigningCa } from '../ca/certificate.ts';
import { ensureSecretFolder, writeSecretFile } from '../secret-file.ts';

/** `name` is its folder's, a number that increases. */
export interface KeptIntermediate {
  readonly name: string;
  readonly ca: SigningCa;
  readonly retired: boolean;
}

export interface KeptIntermediates {
  /** Oldest first. Throws if a key is lost, accessible to others, or belongs to another certificate. */
  load(): Promise<readonly KeptIntermediate[]>;
  /** The number after the newest. */
  nextName(): string;
  /** Returns whether it was this one: if another process was first, that one counts. */
  keep(name: string, material: CaMaterial): boolean;
  retireAllButNewest(): void;
}

const retiredFile = 'retired';

/** `dir` has mode 0700; created if it does not exist. */
export function createKeptIntermediates(dir: string): KeptIntermediates {
  ensureSecretFolder(dir);
  const names = (): readonly string[] =>
    readdirSync(dir)
      .filter((name) => /^\d{6}$/.test(name))
      .sort();
  return {
    load: () =>
      Promise.all(
        names().map(async (name) => ({
          name,
          ca: await loadCa(join(dir, name)),
          retired: existsSync(join(dir, name, retiredFile)),
        })),
      ),
    nextName: () => String(Number(names().at(-1) ?? '0') + 1).padStart(6, '0'),
    keep: (name, material) => storeCa(join(dir, name), material),
    retireAllButNewest() {
      for (const name of names().slice(0, -1)) writeSecretFile(join(dir, name, retiredFile), '');
    },
  };
}
