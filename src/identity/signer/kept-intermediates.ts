// Intermediates and their keys, numbered. A retired one never signs again, even after a restart.
import type { CaMaterial } from '../ca/ca-files.ts';
import type { CaStorage } from '../ca/ca-storage.ts';
import type { SigningCa } from '../ca/certificate.ts';

/** `name` is a number that increases. */
export interface KeptIntermediate {
  readonly name: string;
  readonly ca: SigningCa;
  readonly retired: boolean;
}

export interface KeptIntermediates {
  /** Oldest first. Throws if a key is lost, accessible to others, or belongs to another certificate. */
  load(): Promise<readonly KeptIntermediate[]>;
  /** The number after the newest. */
  nextName(): Promise<string>;
  /** Returns whether it was this one: if another process was first, that one counts. `renewal`: as `CaStorage.add` has it. */
  keep(name: string, material: CaMaterial, options: { readonly renewal?: true }): Promise<boolean>;
  retireAllButNewest(): Promise<void>;
}

const folder = 'issuers';

export function createKeptIntermediates(storage: CaStorage): KeptIntermediates {
  const at = (name: string): string => `${folder}/${name}`;
  const names = async (): Promise<readonly string[]> =>
    (await storage.names(folder)).map((name) => name.slice(folder.length + 1)).filter((name) => /^\d{6}$/.test(name));
  const mark = (name: string): string => `${at(name)}/retired`;
  const load = async (name: string): Promise<readonly KeptIntermediate[]> => {
    const ca = await storage.load(at(name));
    return ca === undefined ? [] : [{ name, ca, retired: (await storage.note(mark(name))) !== undefined }];
  };
  return {
    load: async () => (await Promise.all((await names()).map(load))).flat(),
    nextName: async () => String(Number((await names()).at(-1) ?? '0') + 1).padStart(6, '0'),
    keep: (name, material, options) => storage.add(at(name), material, options),
    async retireAllButNewest() {
      for (const name of (await names()).slice(0, -1)) await storage.changeNote(mark(name), undefined, '');
    },
  };
}
