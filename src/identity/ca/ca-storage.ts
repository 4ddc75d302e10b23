// Where a CA keeps what must outlive the process: CAs with their keys, and small notes. The one interface behind which it lies: files in a
// folder (ca-folder.ts), or encrypted in the store that several control planes share (ca-vault.ts).
import type { CaMaterial } from './ca-files.ts';
import type { SigningCa } from './certificate.ts';

/** Names are paths of lower-case letters, digits and hyphens: `root`, `issuers/000001`. The last part of a note's name may have dots. */
export interface CaStorage {
  /** Where something of that name is, for messages. */
  where(name: string): string;
  /** Of the CAs directly under `folder`, sorted. */
  names(folder: string): Promise<readonly string[]>;
  /** Undefined if there is none. Throws `failed_precondition` if it cannot be used: a lost, exposed or wrong key. */
  load(name: string): Promise<SigningCa | undefined>;
  /**
   * Unless there is one already: of several at once one is kept, and all load that. Returns whether it was this one. `renewal`: nothing is
   * kept, and `aborted` thrown, unless this control plane is still the one that renews (`renews`), as checked where it is written.
   */
  add(name: string, material: CaMaterial, options?: { readonly renewal?: true }): Promise<boolean>;
  /** That CA with its key, for good, if the note of that name is that text (undefined: absent) in the same moment. */
  remove(name: string, provided: { readonly note: string; readonly is: string | undefined }): Promise<void>;
  /** No secret. Undefined if there is none. */
  note(name: string): Promise<string | undefined>;
  /**
   * Writes `next` (undefined: removes it) if the note is still `before` (undefined: absent). False if it is not. `renewal`: as of `add`.
   */
  changeNote(
    name: string,
    before: string | undefined,
    next: string | undefined,
    options?: { readonly renewal?: true },
  ): Promise<boolean>;
  /** Whether this control plane renews what is there: of several that share it, one does at a time. */
  renews(): boolean;
  /** Told when something there may have changed, or the answer of `renews`. The answer ends it. */
  watch(listener: () => void): () => void;
}

/** The part of it under `folder`. */
export function under(storage: CaStorage, folder: string): CaStorage {
  const at = (name: string): string => `${folder}/${name}`;
  return {
    where: (name) => storage.where(at(name)),
    names: async (below) =>
      (await storage.names(below === '' ? folder : at(below))).map((name) => name.slice(folder.length + 1)),
    load: (name) => storage.load(at(name)),
    add: (name, material, options) => storage.add(at(name), material, options),
    remove: (name, { note, is }) => storage.remove(at(name), { note: at(note), is }),
    note: (name) => storage.note(at(name)),
    changeNote: (name, before, next, options) => storage.changeNote(at(name), before, next, options),
    renews: storage.renews,
    watch: storage.watch,
  };
}
