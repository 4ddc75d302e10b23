// What the program knows about itself.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** From package.json, which is one folder above both src/ and dist/. */
export const packageVersion: string = (() => {
  const parsed: unknown = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8'));
  return typeof parsed === 'object' && parsed !== null && 'version' in parsed ? String(parsed.version) : 'unknown';
})();
