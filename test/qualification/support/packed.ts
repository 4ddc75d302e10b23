// The package as a user gets it: `npm pack` of a fresh clone's commit, or installed in a folder of its own.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { output } from './command.ts';

/** Packs the committed sources and answers the tarball's path. */
export async function pack(root: string, work: string): Promise<string> {
  const clone = join(work, 'pack');
  await output('git', ['clone', '--quiet', root, clone], { cwd: work });
  await output('npm', ['pack', '--silent', '--pack-destination', work], { cwd: clone });
  return join(work, 'cellwall-0.1.0.tgz');
}

/** Installs the tarball in a new folder; answers the path of its `cellwall` script (run it with this process's Node). */
export async function installPacked(tarball: string, folder: string): Promise<string> {
  mkdirSync(folder, { recursive: true });
  await output('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', tarball], { cwd: folder });
  return join(folder, 'node_modules/cellwall/bin/cellwall.cjs');
}
