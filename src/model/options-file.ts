// A file of options for `serve` (YAML), beside the documents: read strictly, and what is wrong is told with its line and column.
import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { CellwallError } from '../lib/errors.ts';
import type { Problem } from './problem.ts';
import { schemaProblems } from './schema-problems.ts';
import { readYaml } from './yaml/read-yaml.ts';
import { nearest } from './yaml/source-tree.ts';

export interface OptionsFile<T> {
  readonly file: string;
  readonly schema: z.ZodType<T>;
  /** Of a file without content. Absent: it needs some. */
  readonly empty?: NoInfer<T>;
  /** The flag that names it, as in `--attestors`. */
  readonly flag: string;
  /** Where it is described, as in `docs/identities.md, "Attestors"`. */
  readonly page: string;
}

/** Throws `invalid_argument` with file, line, column and reason. */
export function readOptionsFile<T>({ file, schema, empty, flag, page }: OptionsFile<T>): T {
  const refused = ({ message, hint, source }: Fault = { message: 'not valid' }): CellwallError => {
    const at = source === undefined ? file : `${file}:${source.line}:${source.column}`;
    const see = `see ${page}`;
    return new CellwallError('invalid_argument', `${flag}: ${at}: ${message}`, {
      hint: hint === undefined ? see : `${hint}; ${see}`,
    });
  };
  const text = (): string => {
    try {
      return readFileSync(file, 'utf8');
    } catch (cause) {
      throw refused({ message: cause instanceof Error ? cause.message : String(cause) });
    }
  };
  const yaml = readYaml(text(), file);
  if (yaml.kind === 'invalid') throw refused(yaml.problems[0]);
  const [only, second] = yaml.documents;
  if (second !== undefined) {
    throw refused({ message: 'a second document begins here', source: second.sourceAt(second.tree.offset) });
  }
  if (only === undefined) {
    if (empty === undefined) throw refused({ message: 'there is nothing in it' });
    return empty;
  }
  const { tree, sourceAt } = only;
  const result = schema.safeParse(tree.value, { error: () => '' });
  if (result.success) return result.data;
  const problems = schemaProblems(schema, tree.value, result.error.issues);
  // A misspelt field is often also one that is missing.
  const problem = problems.find(({ code }) => code === 'unknown-field') ?? problems[0];
  if (problem === undefined) throw refused();
  const { node, whole } = nearest(tree, problem.path);
  throw refused({ ...problem, source: sourceAt(problem.at === 'key' && whole ? node.keyOffset : node.offset) });
}

type Fault = Pick<Problem, 'message'> & Partial<Pick<Problem, 'hint' | 'source'>>;
