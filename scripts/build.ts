// Bundles src/main.ts and everything it needs into dist/: no runtime dependency is installed beside it, and a command
// loads only the chunks it imports. Data flows src, gen, node_modules → dist.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'rolldown';

const root = join(import.meta.dirname, '..');
const out = process.argv[2] ?? join(root, 'dist');
rmSync(out, { recursive: true, force: true });

const { output } = await build({
  input: { main: join(root, 'src/main.ts') },
  platform: 'node',
  // Names are kept (logs and errors show them), whitespace is not. All chunks lie beside main.js: import.meta.dirname is dist/.
  output: {
    dir: out,
    format: 'esm',
    sourcemap: false,
    minify: { mangle: false, compress: true, codegen: true },
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
  },
  logLevel: 'warn',
});
const bytes = output.reduce((sum, file) => sum + (file.type === 'chunk' ? Buffer.byteLength(file.code) : 0), 0);
process.stderr.write(`build: ${output.length} files, ${Math.round(bytes / 1024)} KiB in dist/\n`);
