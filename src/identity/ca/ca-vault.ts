// CAs and notes in a table of the store, all of them as one encrypted entry: so several control planes share them, none can be exchanged
// for an older one alone, and whoever reads the store without the bootstrap secret learns nothing.
import { CellwallError } from '../../lib/errors.ts';
import type { Json, Table, TableOptions } from '../../lib/table.ts';
import type { BootstrapSecret } from '../bootstrap-secret.ts';
import { type CaMaterial, signingCaOf } from './ca-files.ts';
import type { CaStorage } from './ca-storage.ts';
import { decrypt, encrypt, keyIdOf } from './encrypted.ts';
import { emptyVault, formatVault, parseVault, type VaultContent } from './vault-content.ts';

export interface CaVault extends CaStorage {
  /** Throws `failed_precondition` if it is there and cannot be read, `unavailable` if that cannot be known. */
  isEmpty(): Promise<boolean>;
  /** Everything at once, unless something is there. Returns whether it was this. */
  fill(content: VaultContent): Promise<boolean>;
  /** Encrypts it with the first secret, if another one was used. Returns whether it was. */
  renewEncryption(): Promise<boolean>;
}

export interface CaVaultDeps {
  readonly table: Table;
  /** Called for every reading and writing: the file may have been renewed. */
  readonly secret: () => Pick<BootstrapSecret, 'encryption'>;
  /** Of several control planes the one that renews. Absent: there is one. */
  readonly turn?: {
    fence(): TableOptions['fence'];
    /** Told when the answer of `fence` may have changed. */
    watch(listener: () => void): () => void;
  };
}

/** The entry's key, in the table `ca`. */
export const vaultKey = 'material';
const name = `ca/${vaultKey}`;
const where = "the CA's entry in the store";
const maxAttempts = 100;

interface Read {
  readonly stored: Json | undefined;
  readonly version: number;
  readonly content: VaultContent;
}

export function createCaVault({ table, secret, turn }: CaVaultDeps): CaVault {
  /** The newest version that this process read or wrote. */
  let seen = 0;
  const at = (of: string): string => `${of} in ${where}`;
  const read = async (): Promise<Read> => {
    const stored = await table.get(vaultKey);
    if (stored === undefined) {
      if (seen > 0) throw lost('is gone');
      return { stored, version: 0, content: emptyVault };
    }
    const { version, text } = decrypt(name, stored, secret().encryption, where);
    if (version < seen) throw lost(`is an older one: version ${version} after ${seen}`);
    seen = version;
    return { stored, version, content: parseVault(text, where) };
  };
  /** Until it is written, or `change` says that there is nothing to do (undefined). */
  const write = async (
    change: (read: Read) => VaultContent | undefined,
    options: Pick<TableOptions, 'fence'> = {},
  ): Promise<boolean> => {
    for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
      const before = await read();
      const content = change(before);
      if (content === undefined) return false;
      const [key] = secret().encryption;
      if (key === undefined) throw new CellwallError('internal', 'a bootstrap secret without a key');
      const version = before.version + 1;
      const next = encrypt(name, { version, text: formatVault(content) }, key);
      if (!(await table.compareAndSet(vaultKey, before.stored, next, options))) continue;
      seen = Math.max(seen, version);
      return true;
    }
    throw new CellwallError('aborted', `others change ${where} all the time`);
  };
  const fenceFor = (renewal: true | undefined): Pick<TableOptions, 'fence'> => {
    if (renewal === undefined || turn === undefined) return {};
    const fence = turn.fence();
    if (fence === undefined) throw new CellwallError('aborted', 'another control plane renews the CA now');
    return { fence };
  };
  return {
    where: at,
    isEmpty: async () => (await read()).version === 0,
    fill: (content) => write(({ version }) => (version > 0 ? undefined : content)),
    renewEncryption: () =>
      write(({ stored, content }) =>
        stored === undefined || keyIdOf(stored) === secret().encryption[0]?.id ? undefined : content,
      ),
    async names(folder) {
      const prefix = folder === '' ? '' : `${folder}/`;
      const below = Object.keys((await read()).content.cas).filter((one) => one.startsWith(prefix));
      const first = below.map((one) => `${prefix}${one.slice(prefix.length).split('/')[0]}`);
      return [...new Set(first)].sort();
    },
    async load(of) {
      const material = own<CaMaterial>((await read()).content.cas, of);
      return material === undefined ? undefined : signingCaOf(material, at(of));
    },
    add: async (of, material, options) =>
      write(
        ({ content }) =>
          own(content.cas, of) === undefined ? { ...content, cas: { ...content.cas, [of]: material } } : undefined,
        fenceFor(options?.renewal),
      ),
    async remove(of, provided) {
      await write(({ content }) => {
        if (own<string>(content.notes, provided.note) !== provided.is) return undefined;
        const { [of]: gone, ...cas } = content.cas;
        return gone === undefined ? undefined : { ...content, cas };
      });
    },
    note: async (of) => own<string>((await read()).content.notes, of),
    async changeNote(of, before, next, options) {
      let same = false;
      const written = await write(({ content }) => {
        const now = own<string>(content.notes, of);
        same = now === before && now === next;
        if (now !== before || same) return undefined;
        const { [of]: _old, ...others } = content.notes;
        return { ...content, notes: next === undefined ? others : { ...others, [of]: next } };
      }, fenceFor(options?.renewal));
      return written || same;
    },
    renews: () => turn === undefined || turn.fence() !== undefined,
    watch(listener) {
      const ends = [table.watch(() => listener()), ...(turn === undefined ? [] : [turn.watch(listener)])];
      return () => {
        for (const end of ends) end();
      };
    },
  };
}

function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

function lost(what: string): CellwallError {
  return new CellwallError('failed_precondition', `${where} ${what}`, {
    hint: 'the store was emptied, or restored from an older backup; another control plane writes it again if it has it',
  });
}
