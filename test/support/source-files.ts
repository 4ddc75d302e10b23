// The project's own text files under a folder, read once, for tests that look at the sources themselves.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

export interface SourceFile {
  /** Relative to the project's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

export const projectRoot = join(import.meta.dirname, '../..');

/** Every file under `folders` whose name ends in one of `endings`. A folder that is not there holds none. */
export function sourceFiles(folders: readonly string[], endings: readonly string[]): readonly SourceFile[] {
  return folders.flatMap((folder) => {
    const start = join(projectRoot, folder);
    if (!existsSync(start)) return [];
    return readdirSync(start, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)))
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => !path.includes('/node_modules/'))
      .sort()
      .map((path) => ({ path: relative(projectRoot, path), text: readFileSync(path, 'utf8') }));
  });
}
