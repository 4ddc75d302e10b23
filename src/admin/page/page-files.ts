// The built page (scripts/build-page.ts) as it is served: read once, when somebody first asks for it.
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

export interface PageFile {
  readonly mediaType: string;
  readonly bytes: Buffer;
  readonly zipped: Buffer;
  /** Its name changes with its content. */
  readonly lasting: boolean;
}

export interface PageFiles {
  /** `path`: as in the URL, without the first slash; the page itself is the empty one. Undefined for what is not of the page. */
  find(path: string): PageFile | undefined;
}

const mediaTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Only what is in the folder when it is first asked for is ever served, by its exact name. A folder that is not there has nothing. */
export function createPageFiles(folder: string): PageFiles {
  let files: ReadonlyMap<string, PageFile> | undefined;
  return {
    find(path) {
      files ??= read(folder);
      return files.get(path);
    },
  };
}

function read(folder: string): ReadonlyMap<string, PageFile> {
  const names = list(folder);
  return new Map(
    names.flatMap((name): [string, PageFile][] => {
      const mediaType = mediaTypes[extname(name)];
      if (mediaType === undefined) return [];
      const bytes = readFileSync(join(folder, name));
      const path = name === 'index.html' ? '' : name;
      return [[path, { mediaType, bytes, zipped: gzipSync(bytes), lasting: /-[\w-]{8}\.\w+$/.test(name) }]];
    }),
  );
}

function list(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => name.replaceAll('\\', '/'));
  } catch {
    return [];
  }
}
