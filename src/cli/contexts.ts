// The control planes that somebody works with, each under a name, as kubectl keeps its clusters: one file of this user alone. It holds no
// secret, but says where one is.
import { realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ensureSecretFolder, readSecretFile, writeSecretFile } from '../identity/secret-file.ts';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import { type FolderLock, lockFolder } from '../lib/folder-lock.ts';
import { didYouMean } from '../model/did-you-mean.ts';
import type { CliIo } from './io.ts';

/** One control plane, and what proves who asks: exactly one of the last three. */
export interface Context {
  /** As `--admin` takes it. Absent: where the data folder says. */
  readonly admin?: string;
  /** A file with a token. */
  readonly adminTokenFile?: string;
  /** An operator's SVID: the folder. */
  readonly adminSvid?: string;
  /** The data folder of a control plane on this host. */
  readonly data?: string;
}

export interface Contexts {
  /** What is used where nothing else is said. */
  readonly current?: string;
  readonly contexts: ReadonlyMap<string, Context>;
}

const fields = ['admin', 'adminTokenFile', 'adminSvid', 'data'] as const;
const maxContexts = 1000;
/** Another one writes: a moment. */
const lockMs = 10_000;
const againMs = 20;

export function isContextName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$/.test(name);
}

/** `$XDG_CONFIG_HOME/cellwall`, else `~/.config/cellwall`. Undefined without a home. */
function folderOf({ env }: Pick<CliIo, 'env'>): string | undefined {
  const { XDG_CONFIG_HOME: config, HOME: home } = env;
  // The specification (XDG Base Directory) has relative paths ignored.
  if (config?.startsWith('/')) return join(config, 'cellwall');
  return home === undefined || home === '' ? undefined : join(home, '.config', 'cellwall');
}

/**
 * The file, wherever it is kept: many have what is in ~/.config in a repository, and a link here. A link of this user's own is as good as
 * the file, so that it is followed, and stays a link; what it leads to is checked.
 */
function fileIn(folder: string): string {
  return real(join(folder, 'contexts.json')) ?? join(real(folder) ?? folder, 'contexts.json');
}

/** Undefined: it is not there, or leads nowhere. */
function real(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

/** None where there is no file. Throws for one that others may have written, or that is no such file. */
export function readContexts(io: Pick<CliIo, 'env'>): Contexts {
  const folder = folderOf(io);
  if (folder === undefined) return { contexts: new Map() };
  const path = fileIn(folder);
  let text: string;
  try {
    text = readSecretFile(path);
  } catch (reason) {
    if (reason instanceof CellwallError && reason.code === 'not_found') return { contexts: new Map() };
    throw reason;
  }
  for (const one of new Set([folder, dirname(path)])) refuseShared(one);
  return parsed(text, path);
}

function refuseShared(folder: string): void {
  if ((statSync(folder).mode & 0o022) === 0) return;
  throw new CellwallError('failed_precondition', `others may write to ${folder}, and so choose where you are led`, {
    hint: `look at contexts.json there; then: chmod 700 ${folder}`,
  });
}

/** One writer at a time; a reader sees the file of before or of after. */
export async function changeContexts(io: Pick<CliIo, 'env'>, change: (before: Contexts) => Contexts): Promise<void> {
  const folder = folderOf(io);
  if (folder === undefined) {
    throw new CellwallError('failed_precondition', 'no place to keep contexts: HOME is not set', {
      hint: 'set HOME, or XDG_CONFIG_HOME',
    });
  }
  ensureSecretFolder(real(folder) ?? folder);
  const lock = await locked(real(folder) ?? folder);
  try {
    const { current, contexts } = change(readContexts(io));
    const value = { ...defined({ current }), contexts: Object.fromEntries(contexts) };
    writeSecretFile(fileIn(folder), `${JSON.stringify(value, null, 2)}\n`);
  } finally {
    lock.release();
  }
}

/** Throws `not_found`. */
export function contextNamed({ contexts }: Contexts, name: string): Context {
  const found = contexts.get(name);
  if (found !== undefined) return found;
  const names = [...contexts.keys()];
  const near = didYouMean(name, names);
  throw new CellwallError('not_found', `no context ${JSON.stringify(name)}`, {
    hint:
      near !== undefined
        ? `did you mean ${near}?`
        : names.length === 0
          ? 'make one: cellwall context add NAME --admin ADDRESS --admin-token-file FILE'
          : `there are: ${names.slice(0, 20).join(', ')}`,
  });
}

async function locked(folder: string): Promise<FolderLock> {
  const end = performance.now() + lockMs;
  for (;;) {
    try {
      return lockFolder({ folder, name: 'contexts', hint: 'try again in a moment' });
    } catch (reason) {
      if (performance.now() > end || CellwallError.from(reason).code !== 'failed_precondition') throw reason;
      await delay(againMs);
    }
  }
}

function parsed(text: string, path: string): Contexts {
  const wrong = (what: string): CellwallError =>
    new CellwallError('failed_precondition', `${path}: ${what}`, {
      hint: 'mend it, or remove it and add your contexts again: cellwall context add',
    });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (reason) {
    throw wrong(`no JSON: ${reason instanceof Error ? reason.message : String(reason)}`);
  }
  if (!isRecord(value) || !isRecord(value['contexts'])) throw wrong('it has no "contexts"');
  const entries = Object.entries(value['contexts']);
  if (entries.length > maxContexts) throw wrong(`more than ${maxContexts} contexts`);
  const contexts = new Map<string, Context>();
  for (const [name, context] of entries) {
    if (!isContextName(name)) throw wrong(`${JSON.stringify(name)} is no name of a context`);
    if (!isRecord(context)) throw wrong(`${JSON.stringify(name)} is no context`);
    contexts.set(
      name,
      contextIn(context, (what) => wrong(`context ${JSON.stringify(name)}: ${what}`)),
    );
  }
  const { current } = value;
  if (current === undefined) return { contexts };
  if (typeof current !== 'string') throw wrong('"current" is no text');
  return { current, contexts };
}

function contextIn(value: Readonly<Record<string, unknown>>, wrong: (what: string) => CellwallError): Context {
  const texts = fields.flatMap((field) => {
    const text = value[field];
    if (text === undefined) return [];
    if (typeof text !== 'string') throw wrong(`"${field}" is no text`);
    return [[field, text] as const];
  });
  const unknown = Object.keys(value).find((key) => !fields.some((field) => field === key));
  if (unknown !== undefined) throw wrong(`unknown field ${JSON.stringify(unknown)}`);
  const context: Context = Object.fromEntries(texts);
  const fault = faultOf(context);
  if (fault !== undefined) throw wrong(fault);
  return context;
}

/** Why that is no context. */
export function faultOf({ admin, adminTokenFile, adminSvid, data }: Context): string | undefined {
  const proofs = [adminTokenFile, adminSvid, data].filter((one) => one !== undefined);
  if (proofs.length !== 1) return 'one of --admin-token-file, --admin-svid and --data is needed, and no more';
  return admin === undefined && data === undefined ? '--admin is needed: the address of its admin API' : undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
