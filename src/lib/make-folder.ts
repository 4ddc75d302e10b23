// Creates a folder and its parents, one by one: Node's own `recursive` loops for ever if a parent cannot contain folders (/proc).
import { mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** Whether it was created; an existing one stays as it is. Throws the system's error. */
export function makeFolder(path: string, mode = 0o777): boolean {
  const missing: string[] = [];
  for (let at = resolve(path); statSync(at, { throwIfNoEntry: false }) === undefined; at = dirname(at)) {
    missing.unshift(at);
    if (at === dirname(at)) break;
  }
  for (const folder of missing) {
    try {
      mkdirSync(folder, { mode });
    } catch (reason) {
      // Somebody else was faster.
      if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) throw reason;
    }
  }
  // Throws EEXIST for a file.
  if (!statSync(path).isDirectory()) mkdirSync(path);
  return missing.length > 0;
}
