// Bundles src/main.ts and everything it needs into dist/: no runtime dependency is installed beside it, and a command
// loads only the chunks it imports. Data flows src, gen, node_modules → dist.
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, type Plugin } from 'rolldown';
import { buildPage, builtPage } from './build-page.ts';

const root = join(import.meta.dirname, '..');
const out = process.argv[2] ?? join(root, 'dist');
rmSync(out, { recursive: true, force: true });

/** grpc-js requires it for channelz and ORCA only, which nothing here uses. */
const withoutProtoLoader: Plugin = {
  name: 'without-proto-loader',
  resolveId: (id) => (id === '@grpc/proto-loader' ? '\0proto-loader' : null),
  load: (id) => (id === '\0proto-loader' ? 'module.exports = {};' : null),
};

const { output } = await build({
  input: { main: join(root, 'src/main.ts') },
  platform: 'node',
  plugins: [withoutProtoLoader],
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
let bytes = 0;
for (const file of output) {
  if (file.type !== 'chunk') continue;
  // One character beyond Latin-1 makes V8 keep the whole file as two-byte text: megabytes, for a few accents in a dependency.
  const code = file.code.replace(/[^\0-\u00ff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  writeFileSync(join(out, file.fileName), code);
  bytes += Buffer.byteLength(code);
}
await buildPage();
// Without the stamp of its build.
cpSync(builtPage, join(out, 'page'), { recursive: true, filter: (path) => !path.endsWith('.key') });
process.stderr.write(`build: ${output.length} files, ${Math.round(bytes / 1024)} KiB in dist/\n`);
