// What the program knows about itself.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** From package.json, which is one folder above both src/ and dist/. */
export const packageVersion: string = (() => {
  const parsed: unknown = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8'));
  return typeof parsed === 'object' && parsed !== null && 'version' in parsed ? String(parsed.version) : 'unknown';
})();

/** Where the built page is: in dist/ of the package, or as a checkout builds it. */
export function pageFolder(): string {
  const packed = join(import.meta.dirname, 'page');
  return existsSync(packed) ? packed : join(import.meta.dirname, '../page/built');
}
