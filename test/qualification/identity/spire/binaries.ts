// SPIRE's own server and agent, built from the sources that go.sum pins, once a machine: some minutes, for qualifications alone.
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Context } from '../../item.ts';
import { run, tail } from '../../support/command.ts';

/** As in go.mod beside this. */
export const spireVersion = '1.13.3';

export interface SpireBinaries {
  readonly server: string;
  readonly agent: string;
}

export async function spireBinaries({ progress }: Pick<Context, 'progress'>): Promise<SpireBinaries> {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const folder = join(cache, 'cellwall', `spire-${spireVersion}`);
  mkdirSync(folder, { recursive: true });
  const built = async (name: string): Promise<string> => {
    const path = join(folder, name);
    if (existsSync(path)) return path;
    progress(`building ${name} ${spireVersion}, which takes minutes`);
    const half = `${path}.${process.pid}`;
    // SQLite is C.
    const env = { ...process.env, CGO_ENABLED: '1', GOFLAGS: '-mod=readonly' };
    const ended = await run(
      'go',
      ['build', '-v', '-ldflags=-s -w', '-o', half, `github.com/spiffe/spire/cmd/${name}`],
      {
        ...{ cwd: import.meta.dirname, env, timeoutMs: 3_600_000 },
        onLine: every(100, (count) => progress(`building ${name}: ${count} packages`)),
      },
    );
    if (ended.code !== 0) throw new Error(`${name} cannot be built: ${tail(ended.stderr)}`);
    renameSync(half, path);
    return path;
  };
  return { server: await built('spire-server'), agent: await built('spire-agent') };
}

function every(lines: number, tell: (count: number) => void): () => void {
  let count = 0;
  return () => {
    count += 1;
    if (count % lines === 0) tell(count);
  };
}
