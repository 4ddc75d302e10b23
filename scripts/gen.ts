// Generates gen/ (JavaScript and declarations of Envoy's and SPIFFE's messages) from protos/*.binpb.gz with protoc-gen-es, without
// protoc: what the sources import of it, and what that needs. Keyed by the inputs' hash: does nothing when gen/ is fresh. Out of git.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  CodeGeneratorRequestSchema,
  CodeGeneratorResponseSchema,
  type FileDescriptorProto,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';

const root = join(import.meta.dirname, '..');
const schema = readFileSync(join(root, 'protos/envoy.binpb.gz'));
const spiffe = readFileSync(join(root, 'protos/spiffe.binpb.gz'));
const roots = importedFiles();
const plugin = join(root, 'node_modules/@bufbuild/protoc-gen-es');
const version = readFileSync(join(plugin, 'package.json'), 'utf8');
const self = readFileSync(import.meta.filename);
const key = createHash('sha256')
  .update(schema)
  .update(spiffe)
  .update(roots.join())
  .update(version)
  .update(self)
  .digest('hex');
const out = join(root, 'gen');
const stamp = join(out, '.key');

if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== key) generate();

function generate(): void {
  const sets = [schema, spiffe].map((zipped) => fromBinary(FileDescriptorSetSchema, gunzipSync(zipped)));
  const byName = new Map(sets.flatMap(({ file: files }) => files.map((file) => [file.name, file] as const)));
  const wanted: FileDescriptorProto[] = [];
  const seen = new Set<string>();
  const visit = (name: string): void => {
    if (seen.has(name)) return;
    seen.add(name);
    const file = byName.get(name);
    if (file === undefined) throw new Error(`no file "${name}" in protos/*.binpb.gz: is the import of #gen right?`);
    file.dependency.forEach(visit);
    wanted.push(file);
  };
  roots.forEach(visit);
  const request = create(CodeGeneratorRequestSchema, {
    // google/protobuf/* ships with @bufbuild/protobuf itself.
    fileToGenerate: wanted.map((file) => file.name).filter((name) => !name.startsWith('google/protobuf/')),
    parameter: 'target=js+dts,import_extension=js',
    protoFile: wanted,
  });
  const run = spawnSync(process.execPath, [join(plugin, 'bin/protoc-gen-es')], {
    input: toBinary(CodeGeneratorRequestSchema, request),
    maxBuffer: 1 << 28,
  });
  if (run.status !== 0) throw new Error(`protoc-gen-es failed: ${run.stderr}`);
  const response = fromBinary(CodeGeneratorResponseSchema, run.stdout);
  if (response.error !== '') throw new Error(`protoc-gen-es: ${response.error}`);
  // Into a folder beside, then renamed: an interrupted run leaves no half-made gen/.
  const fresh = `${out}.${process.pid}`;
  for (const file of response.file) {
    const path = join(fresh, file.name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, file.content);
  }
  // The whole schema as a value, for raw resources of any type; packed, as it is seldom needed.
  writeFileSync(join(fresh, 'envoy_schema.js'), `export const envoySchema = '${schema.toString('base64')}';\n`);
  writeFileSync(
    join(fresh, 'envoy_schema.d.ts'),
    '/** A gzipped FileDescriptorSet, in base64. */\nexport declare const envoySchema: string;\n',
  );
  writeFileSync(join(fresh, '.key'), key);
  rmSync(out, { recursive: true, force: true });
  renameSync(fresh, out);
  process.stderr.write(`gen: ${response.file.length} files from protos/*.binpb.gz\n`);
}

/** `#gen/envoy/…_pb.js` in the sources. */
function importedFiles(): readonly string[] {
  const folders = ['src', 'test', 'demo', 'deploy', 'scripts'].map((name) => join(root, name)).filter(existsSync);
  const sources = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => readFileSync(join(folder, name), 'utf8')),
  );
  const found = sources.flatMap((text) =>
    [...text.matchAll(/'#gen\/([\w/]+)_pb\.js'/g)].map(([, name]) => `${name}.proto`),
  );
  return [...new Set(found)].toSorted();
}
