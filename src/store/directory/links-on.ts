// The links that a path goes through: git-sync, Kubernetes and operators change a directory's content by redirecting one of them.
import { readlink } from 'node:fs/promises';
import { dirname, isAbsolute, join, sep } from 'node:path';

/** A name in a folder. */
export interface WatchedName {
  readonly folder: string;
  readonly name: string;
}

/** As reported by the kernel. */
const maxLinks = 40;

/** Every link on an absolute path, with its own location. Missing parts are skipped. */
export async function linksOn(path: string): Promise<readonly WatchedName[]> {
  const found: WatchedName[] = [];
  let at: string = sep;
  let rest = path.split(sep);
  while (rest.length > 0) {
    const [name = '', ...others] = rest;
    rest = others;
    if (name === '' || name === '.') continue;
    if (name === '..') {
      at = dirname(at);
      continue;
    }
    const target = await readlink(join(at, name)).catch(() => undefined);
    if (target === undefined) {
      at = join(at, name);
      continue;
    }
    found.push({ folder: at, name });
    if (found.length > maxLinks) break;
    if (isAbsolute(target)) at = sep;
    rest = [...target.split(sep), ...rest];
  }
  return found;
}
