// Reads what `-f` names: a file, every .yaml and .yml of a directory, or standard input.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CellwallError } from '../../lib/errors.ts';
import { maxYamlBytes, maxYamlMiB } from '../../model/yaml/max-yaml.ts';
import type { CliIo } from '../io.ts';
import type { NamedText } from '../output/problems.ts';
import { readFile, unreadable } from './read-file.ts';

/** If none are named: those in `cellwall`, like `serve` without `--documents`. */
export async function readDocuments(
  io: Pick<CliIo, 'stdin'>,
  paths: readonly string[] = unnamed(),
): Promise<readonly NamedText[]> {
  const found: NamedText[] = [];
  for (const path of paths) {
    if (path === '-') found.push({ file: '<stdin>', text: await readAll(io.stdin) });
    else found.push(...readPath(path));
  }
  if (found.length === 0) {
    throw new CellwallError('not_found', `no .yaml or .yml file in ${paths.join(', ')}`);
  }
  const size = found.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
  if (size > maxYamlBytes) {
    const told = `${(size / 1_048_576).toFixed(1)} MiB`;
    throw new CellwallError('invalid_argument', `${told} of documents: ${maxYamlMiB} MiB at most in one request`, {
      hint: 'apply them in several steps, starting with those that others refer to',
    });
  }
  return found;
}

function unnamed(): readonly string[] {
  if (existsSync('cellwall')) return ['cellwall'];
  throw new CellwallError('not_found', 'no documents were named, and there is no directory "cellwall" here', {
    hint: 'name files or directories, as in "cellwall validate mesh.d" or "cellwall explain web api --offline -f mesh.d"',
  });
}

function readPath(path: string): readonly NamedText[] {
  try {
    if (!statSync(path).isDirectory()) return [readOne(path)];
    return readdirSync(path, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.ya?ml$/.test(name) && !name.split('/').some((part) => part.startsWith('.')))
      .sort()
      .map((name) => join(path, name))
      .filter((file) => statSync(file).isFile())
      .map(readOne);
  } catch (reason) {
    throw unreadable(path, reason);
  }
}

function readOne(file: string): NamedText {
  return { file, text: readFile(file).toString('utf8') };
}

/** All of standard input; throws `invalid_argument` for more than a document may have. */
export async function readAll(stream: CliIo['stdin']): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk);
    size += bytes.length;
    if (size > maxYamlBytes)
      throw new CellwallError('invalid_argument', `standard input is larger than ${maxYamlMiB} MiB`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}
