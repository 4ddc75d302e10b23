// Builds the page (page/) into page/built with vite. Keyed by the hash of its sources and of what builds them: does nothing when it is
// fresh. Out of git. `node scripts/build-page.ts`; scripts/build.ts puts the result into the package.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';

const root = join(import.meta.dirname, '..');
const folder = join(root, 'page');
export const builtPage = join(folder, 'built');

/** Returns whether it had to be built. */
export async function buildPage(): Promise<boolean> {
  const key = keyOf();
  const stamp = join(builtPage, '.key');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === key) return false;
  // Into a folder beside, then renamed: an interrupted run leaves no half-made page.
  const fresh = `${builtPage}.${process.pid}`;
  await build({
    root: folder,
    configFile: false,
    envDir: false,
    logLevel: 'warn',
    publicDir: 'public',
    base: '/',
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    build: {
      outDir: fresh,
      emptyOutDir: true,
      assetsDir: 'page',
      // What is inlined as data: would be refused by the page's content security policy.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
      target: 'es2023',
    },
  });
  writeFileSync(join(fresh, '.key'), key);
  rmSync(builtPage, { recursive: true, force: true });
  renameSync(fresh, builtPage);
  return true;
}

/** Of everything that a browser loads first: sum of the files, gzipped. */
export function firstLoadBytes(): number {
  const page = readFileSync(join(builtPage, 'index.html'), 'utf8');
  const named = [...page.matchAll(/(?:src|href)="\/(page\/[^"]+)"/g)].map(([, name = '']) => name);
  return ['index.html', ...named].reduce((sum, name) => sum + gzipSync(readFileSync(join(builtPage, name))).length, 0);
}

function keyOf(): string {
  const hash = createHash('sha256').update(readFileSync(import.meta.filename));
  for (const name of ['vite', 'preact', 'uplot']) {
    hash.update(readFileSync(join(root, 'node_modules', name, 'package.json')));
  }
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.startsWith(builtPage))
    .map((entry) => join(entry.parentPath, entry.name));
  for (const file of files.sort()) hash.update(`${file.slice(folder.length)}\0`).update(readFileSync(file));
  return hash.digest('hex');
}

if (process.argv[1] === import.meta.filename && (await buildPage())) {
  process.stderr.write(`page: built, ${Math.round(firstLoadBytes() / 1024)} KiB gzipped\n`);
}
