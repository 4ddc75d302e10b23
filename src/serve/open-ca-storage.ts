// Where the CA's keys are: in the data folder, or, with a bootstrap secret, encrypted in the store, so that a control plane needs nothing
// but that secret to be one of the same CA. A root that was there is never replaced by a new one.
import { join } from 'node:path';
import { followBootstrapSecret } from '../identity/bootstrap-secret.ts';
import { caFolderContent, putAside } from '../identity/ca/ca-folder-content.ts';
import type { CaStorage } from '../identity/ca/ca-storage.ts';
import { type CaVault, createCaVault, vaultKey } from '../identity/ca/ca-vault.ts';
import { fingerprintsOf, knownRoot, knownRootFile } from '../identity/ca/known-root.ts';
import { readRootsRecord, rootsNote } from '../identity/roots/roots-note.ts';
import { firstRecord } from '../identity/roots/roots-record.ts';
import { writeSecretFile } from '../identity/secret-file.ts';
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Lifecycle } from '../lib/lifecycle.ts';
import type { Log } from '../lib/log.ts';
import type { Table } from '../lib/table.ts';
import type { Store } from '../store/store.ts';
import { createCaTurn } from './ca-turn.ts';

/** A second apart. */
const mostAttempts = 10;

export interface OpenCaStorageDeps {
  /** The CA's folder. */
  readonly folder: string;
  /** The file of the bootstrap secret. Undefined: the keys are files of that folder. */
  readonly secretFile: string | undefined;
  readonly store: Pick<Store, 'table' | 'entries'>;
  /** Others may use the store. */
  readonly shared: boolean;
  /** The CA makes a root if it finds none. */
  readonly makesRoot: boolean;
  readonly clock: Clock;
  readonly log: Log;
  readonly lifecycle: Lifecycle;
}

/** Undefined: the files of the folder. Throws `failed_precondition` if there was a CA and its keys are not there, or cannot be read. */
export async function openCaStorage(deps: OpenCaStorageDeps): Promise<CaStorage | undefined> {
  const { folder, secretFile, store, shared, clock, log, lifecycle } = deps;
  const table = store.table('ca');
  if (secretFile === undefined) {
    await refuseWithoutSecret(table);
    return undefined;
  }
  if (store.entries === undefined) {
    throw new CellwallError('invalid_argument', '--bootstrap-secret with a store that ends with the process', {
      hint: 'the keys of the CA would end with it: use --store directory or redis',
    });
  }
  const turn = shared ? createCaTurn(table, clock, log) : undefined;
  if (turn !== undefined) lifecycle.defer("the CA's turn", turn.stop);
  const secret = followBootstrapSecret(secretFile);
  const vault = createCaVault({ table, secret, ...defined({ turn }) });
  await answering(vault, clock, log);
  // In this order: whoever makes a root writes it there before anything tells of it.
  const isKnown = secret().roots.length > 0 || (await hadCa(deps));
  const content = caFolderContent(folder);
  if (await vault.isEmpty()) {
    if (content !== undefined) {
      if (await vault.fill(content)) log.warn({ folder }, "the CA's keys were moved into the store, encrypted");
    } else if (isKnown && deps.makesRoot) throw lostCa(folder);
  }
  if (content !== undefined) {
    await checkSameRoot(vault, folder);
    log.warn(
      { moved: putAside(folder) },
      "files of the CA's keys are not used any more: keep them elsewhere, or delete them",
    );
  }
  await checkNamedRoots(vault, secret().roots);
  await renewEncryption(vault, log);
  return vault;
}

/** So that the next start knows the trust domain before it has the store, and that there was a CA. */
export function keepRootCopy(folder: string, roots: readonly string[]): void {
  const [first] = roots;
  if (first !== undefined) writeSecretFile(join(folder, knownRootFile), first, 0o644);
}

/** A store that is away for a moment does not end the start. */
async function answering(vault: CaVault, clock: Clock, log: Log): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await vault.isEmpty();
      return;
    } catch (reason) {
      if (CellwallError.from(reason).code !== 'unavailable' || attempt === mostAttempts) throw reason;
      if (attempt === 1) log.warn({ reason: CellwallError.from(reason).message }, "the CA's keys cannot be read yet");
      await new Promise<void>((resolve) => void clock.after(1000, resolve));
    }
  }
}

async function refuseWithoutSecret(table: Table): Promise<void> {
  const there = await table.get(vaultKey).catch((reason: unknown) => {
    if (CellwallError.from(reason).code === 'unavailable') return undefined;
    throw reason;
  });
  if (there === undefined) return;
  throw new CellwallError(
    'failed_precondition',
    'the keys of the CA are in the store, encrypted with a bootstrap secret',
    {
      hint: 'start with --bootstrap-secret FILE, as the other control planes of this deployment',
    },
  );
}

/** Whether there was a CA, as the data folder or the store tells, whatever became of its keys. */
async function hadCa({ folder, store, shared }: OpenCaStorageDeps): Promise<boolean> {
  if (knownRoot(folder) !== undefined) return true;
  if (!shared) return false;
  if ((await store.table('authority').get('root')) !== undefined) return true;
  for (const name of ['nodes', 'issued']) {
    for await (const _ of store.table(name).entries()) return true;
  }
  return false;
}

async function checkSameRoot(vault: CaVault, folder: string): Promise<void> {
  const here = knownRoot(folder)?.fingerprints ?? [];
  const there = await fingerprintsIn(vault);
  if (here.length === 0 || there.length === 0 || here.some((one) => there.includes(one))) return;
  throw new CellwallError('failed_precondition', `the CA in ${folder} is another one than that in the store`, {
    hint: `is this the right store? If it is, move ${folder} away`,
  });
}

/** Of the roots that it has, and had. */
async function fingerprintsIn(vault: CaVault): Promise<readonly string[]> {
  const note = await vault.note(rootsNote);
  if (note !== undefined) return fingerprintsOf(readRootsRecord(note, vault.where(rootsNote)));
  const first = await vault.load('root');
  return first === undefined ? [] : fingerprintsOf(firstRecord(first.pem));
}

/** A store that was put together anew, with a root that was not that of this deployment. */
async function checkNamedRoots(vault: CaVault, names: readonly string[]): Promise<void> {
  const there = await fingerprintsIn(vault);
  if (names.length === 0 || there.length === 0 || there.some((one) => names.includes(one.slice(0, 12)))) return;
  throw new CellwallError(
    'failed_precondition',
    'the CA in the store has none of the roots that the bootstrap secret names',
    {
      hint: 'is this the right store? `cellwall ca status` on another control plane names its roots',
    },
  );
}

async function renewEncryption(vault: CaVault, log: Log): Promise<void> {
  try {
    if (await vault.renewEncryption()) log.warn({}, "the CA's keys are encrypted with the new bootstrap secret");
  } catch (reason) {
    if (CellwallError.from(reason).code !== 'unavailable') throw reason;
    log.info({}, "while the store is away, the CA's keys stay encrypted as they are");
  }
}

function lostCa(folder: string): CellwallError {
  return new CellwallError('failed_precondition', 'the keys of the CA are missing in the store, but there was a CA', {
    hint:
      'is this the right bootstrap secret and store? Restore the store from a backup, or start a control plane whose data folder ' +
      `has them in state/; to cut every workload off and start anew, use another key prefix (or an empty Redis) and remove ${folder}`,
  });
}
