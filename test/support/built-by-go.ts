// Programs that others publish as sources, built by Go as a go.sum pins them, once a machine: minutes each, for qualifications alone.
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { run, tail } from '../qualification/support/command.ts';

export interface GoProgram {
  /** Of the built file. */
  readonly name: string;
  /** Folder of the cache, with the version that `go.mod` names: what is built of another one is another file. */
  readonly release: string;
  /** Where `go.mod` is. */
  readonly folder: string;
  /** Its path, or `.`. */
  readonly main: string;
  /** Some are partly C. Default: they are not. */
  readonly cgo?: boolean;
  readonly progress?: (line: string) => void;
}

/** Its path. Throws with the last words of `go build`. */
export async function builtByGo(program: GoProgram): Promise<string> {
  const { name, release, folder, main, cgo = false, progress = () => {} } = program;
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'cellwall', release);
  const path = join(cache, name);
  if (existsSync(path)) return path;
  mkdirSync(cache, { recursive: true });
  progress(`building ${name} of ${release}, which takes minutes`);
  // Another one may be at it.
  const half = `${path}.${process.pid}`;
  const env = { ...process.env, CGO_ENABLED: cgo ? '1' : '0', GOFLAGS: '-mod=readonly' };
  let packages = 0;
  const ended = await run('go', ['build', '-v', '-ldflags=-s -w', '-o', half, main], {
    ...{ cwd: folder, env, timeoutMs: 3_600_000 },
    onLine() {
      packages += 1;
      if (packages % 100 === 0) progress(`building ${name}: ${packages} packages`);
    },
  });
  if (ended.code !== 0) throw new Error(`${name} cannot be built: ${tail(ended.stderr)}`);
  renameSync(half, path);
  return path;
}
